import { byNamespace, type Catalogue } from "../words";

export default byNamespace(
  import.meta.glob<Catalogue>("../../tiktok/words.views.en.ts", { eager: true, import: "default" }),
);
