import audit from "../../audit/words.manager.es";
import privacy from "../../privacy/words.data.es";
import reports from "../../reports/words.manager.es";
import rewards from "../../rewards/words.manager.es";
import webhooks from "../../webhooks/words.manager.es";

/** Of the managers' screens that few open first: reports, rewards, webhooks, the audit trail, members' data. */
export default { "audit.manager": audit, "privacy.data": privacy, "reports.manager": reports, "rewards.manager": rewards, "webhooks.manager": webhooks };
