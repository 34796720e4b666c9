import { byNamespace, type Catalogue } from "../words";

export default byNamespace(
  import.meta.glob<Catalogue>("../words.commands.en.ts", { eager: true, import: "default" }),
);
