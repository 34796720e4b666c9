import { byNamespace, type Catalogue } from "../words";

export default byNamespace(
  import.meta.glob<Catalogue>("../../videos/words.repair.en.ts", { eager: true, import: "default" }),
);
