import { byNamespace, type Catalogue } from "../words";

export default byNamespace(
  import.meta.glob<Catalogue>("../../tiktok/words.views.de.ts", { eager: true, import: "default" }),
);
