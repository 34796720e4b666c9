import { byNamespace, type Catalogue } from "../words";

/** Of the managers' screens that few open first: reports, rewards, webhooks, the audit trail, members' data. */
export default byNamespace(
  import.meta.glob<Catalogue>(
    ["../../audit/words.manager.de.ts", "../../reports/words.manager.de.ts", "../../rewards/words.manager.de.ts", "../../webhooks/words.manager.de.ts", "../../privacy/words.data.de.ts"],
    { eager: true, import: "default" },
  ),
);
