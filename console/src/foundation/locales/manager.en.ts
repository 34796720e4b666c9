import { byNamespace, type Catalogue } from "../words";

export default byNamespace(
  import.meta.glob<Catalogue>(
    [
      "../../*/words.manager.en.ts",
      "../words.manager.en.ts",
      "!../../audit/words.manager.en.ts",
      "!../../reports/words.manager.en.ts",
      "!../../rewards/words.manager.en.ts",
      "!../../webhooks/words.manager.en.ts",
    ],
    { eager: true, import: "default" },
  ),
);
