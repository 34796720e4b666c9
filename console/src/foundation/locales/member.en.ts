import { byNamespace, type Catalogue } from "../words";

export default byNamespace(
  import.meta.glob<Catalogue>(["../../activities/words.en.ts", "../words.en.ts"], { eager: true, import: "default" }),
);
