import { byNamespace, type Catalogue } from "../words";

/** Of the managers' screens that few open first: reports, rewards, webhooks, the audit trail, members' data. */
export default byNamespace(
  import.meta.glob<Catalogue>(
    ["../../audit/words.manager.es.ts", "../../reports/words.manager.es.ts", "../../rewards/words.manager.es.ts", "../../webhooks/words.manager.es.ts", "../../privacy/words.data.es.ts"],
    { eager: true, import: "default" },
  ),
);
