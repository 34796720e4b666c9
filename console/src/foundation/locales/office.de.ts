import audit from "../../audit/words.manager.de";
import privacy from "../../privacy/words.data.de";
import reports from "../../reports/words.manager.de";
import rewards from "../../rewards/words.manager.de";
import webhooks from "../../webhooks/words.manager.de";

/** Of the managers' screens that few open first: reports, rewards, webhooks, the audit trail, members' data. */
export default { "audit.manager": audit, "privacy.data": privacy, "reports.manager": reports, "rewards.manager": rewards, "webhooks.manager": webhooks };
