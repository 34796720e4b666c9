import { byNamespace, type Catalogue } from "../words";

export default byNamespace(
  import.meta.glob<Catalogue>("../../performances/words.finish.de.ts", { eager: true, import: "default" }),
);
