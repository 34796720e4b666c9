import type { Performance } from "./queries";
import { t } from "./words.finish";

/** Why a send failed, in the person's language; a kind that is new here in the server's words. */
export default function FailureReason({ performance: { failure, reason } }: { performance: Performance }) {
  const key = `failure_${failure}`;
  return <>{t.has(key) ? t(key) : reason}</>;
}
