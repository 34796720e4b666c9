import { byNamespace, type Catalogue } from "../words";

export default byNamespace(
  import.meta.glob<Catalogue>(["../../performances/words.es.ts", "../../points/words.es.ts", "../../privacy/words.data.es.ts"], { eager: true, import: "default" }),
);
