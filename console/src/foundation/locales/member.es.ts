import { byNamespace, type Catalogue } from "../words";

export default byNamespace(
  import.meta.glob<Catalogue>(["../../activities/words.es.ts", "../words.es.ts"], { eager: true, import: "default" }),
);
