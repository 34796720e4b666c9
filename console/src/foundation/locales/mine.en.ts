import { byNamespace, type Catalogue } from "../words";

export default byNamespace(
  import.meta.glob<Catalogue>(
    ["../../me/words.en.ts", "../../points/words.en.ts", "../../privacy/words.en.ts", "../../rewards/words.en.ts", "../../programs/words.en.ts"],
    { eager: true, import: "default" },
  ),
);
