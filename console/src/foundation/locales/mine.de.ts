import { byNamespace, type Catalogue } from "../words";

export default byNamespace(
  import.meta.glob<Catalogue>(
    ["../../me/words.de.ts", "../../points/words.de.ts", "../../privacy/words.de.ts", "../../rewards/words.de.ts", "../../programs/words.de.ts"],
    { eager: true, import: "default" },
  ),
);
