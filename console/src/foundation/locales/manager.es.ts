import { byNamespace, type Catalogue } from "../words";

export default byNamespace(
  import.meta.glob<Catalogue>(
    [
      "../../*/words.manager.es.ts",
      "../words.manager.es.ts",
      "!../../audit/words.manager.es.ts",
      "!../../reports/words.manager.es.ts",
      "!../../rewards/words.manager.es.ts",
      "!../../webhooks/words.manager.es.ts",
    ],
    { eager: true, import: "default" },
  ),
);
