import { byNamespace, type Catalogue } from "../words";

export default byNamespace(
  import.meta.glob<Catalogue>(
    [
      "../../*/words.manager.de.ts",
      "../words.manager.de.ts",
      "!../../audit/words.manager.de.ts",
      "!../../reports/words.manager.de.ts",
      "!../../rewards/words.manager.de.ts",
      "!../../webhooks/words.manager.de.ts",
    ],
    { eager: true, import: "default" },
  ),
);
