import type { Performance } from "./queries";
import { t } from "./words.finish";

type Failed = Pick<Performance, "failure" | "reason">;

/** Why a send failed, in the person's language; a kind that is new here in the server's words. */
export default function FailureReason({ performance: { failure, reason } }: { performance: Failed }) {
  const key = `failure_${failure}`;
  return <>{t.has(key) ? t(key) : reason}</>;
}
