import { byNamespace, type Catalogue } from "../words";

export default byNamespace(import.meta.glob<Catalogue>("../words.session.de.ts", { eager: true, import: "default" }));
