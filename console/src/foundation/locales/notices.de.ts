import { byNamespace, type Catalogue } from "../words";

export default byNamespace(
  import.meta.glob<Catalogue>("../../*/words.notices.de.ts", { eager: true, import: "default" }),
);
