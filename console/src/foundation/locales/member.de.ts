import { byNamespace, type Catalogue } from "../words";

export default byNamespace(
  import.meta.glob<Catalogue>(["../../activities/words.de.ts", "../words.de.ts"], { eager: true, import: "default" }),
);
