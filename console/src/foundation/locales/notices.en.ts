import { byNamespace, type Catalogue } from "../words";

export default byNamespace(
  import.meta.glob<Catalogue>("../../*/words.notices.en.ts", { eager: true, import: "default" }),
);
