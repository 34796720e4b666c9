import { byNamespace, type Catalogue } from "../words";

export default byNamespace(
  import.meta.glob<Catalogue>("../../performances/words.finish.en.ts", { eager: true, import: "default" }),
);
