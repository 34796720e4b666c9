import { byNamespace, type Catalogue } from "../words";

export default byNamespace(
  import.meta.glob<Catalogue>("../words.commands.es.ts", { eager: true, import: "default" }),
);
