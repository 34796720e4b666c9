import { byNamespace, type Catalogue } from "../words";

export default byNamespace(
  import.meta.glob<Catalogue>(["../../*/words.manager.de.ts", "../words.manager.de.ts"], { eager: true, import: "default" }),
);
