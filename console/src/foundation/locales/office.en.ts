import audit from "../../audit/words.manager.en";
import privacy from "../../privacy/words.data.en";
import reports from "../../reports/words.manager.en";
import rewards from "../../rewards/words.manager.en";
import webhooks from "../../webhooks/words.manager.en";

/** Of the managers' screens that few open first: reports, rewards, webhooks, the audit trail, members' data. */
export default { "audit.manager": audit, "privacy.data": privacy, "reports.manager": reports, "rewards.manager": rewards, "webhooks.manager": webhooks };
