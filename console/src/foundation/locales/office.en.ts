import { byNamespace, type Catalogue } from "../words";

/** Of the managers' screens that few open first: reports, rewards, webhooks, the audit trail, members' data. */
export default byNamespace(
  import.meta.glob<Catalogue>(
    ["../../audit/words.manager.en.ts", "../../reports/words.manager.en.ts", "../../rewards/words.manager.en.ts", "../../webhooks/words.manager.en.ts", "../../privacy/words.data.en.ts"],
    { eager: true, import: "default" },
  ),
);
