import { byNamespace, type Catalogue } from "../words";

export default byNamespace(
  import.meta.glob<Catalogue>(["../../performances/words.de.ts", "../../points/words.de.ts", "../../privacy/words.data.de.ts"], { eager: true, import: "default" }),
);
