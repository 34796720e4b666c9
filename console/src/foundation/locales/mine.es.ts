import { byNamespace, type Catalogue } from "../words";

export default byNamespace(
  import.meta.glob<Catalogue>(
    ["../../me/words.es.ts", "../../points/words.es.ts", "../../privacy/words.es.ts", "../../rewards/words.es.ts", "../../programs/words.es.ts"],
    { eager: true, import: "default" },
  ),
);
