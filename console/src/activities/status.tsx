import { relative } from "../foundation/time";
import { Badge, type Tone } from "../foundation/ui/parts";
import { type ActivityView, isHeldBack } from "./form";
import { t } from "./words.manager";

const TONES: Record<ActivityView["status"], Tone> = {
  processing: "warning",
  scheduled: "honour",
  active: "good",
  ended: "plain",
  rejected: "bad",
  archived: "plain",
};

export function Status({ activity }: { activity: ActivityView }) {
  if (isHeldBack(activity)) return <Badge tone="warning">{t("status_held_back")}</Badge>;
  return <Badge tone={TONES[activity.status]}>{t(`status_${activity.status}`)}</Badge>;
}

/** When it is seen, in a few words. */
export function windowWords(activity: ActivityView): string {
  if (isHeldBack(activity)) return t("window_held_back");
  const { status, starts_at, ends_at, ended_at } = activity;
  if (status === "rejected") return t("window_rejected");
  if (status === "scheduled" && starts_at) return t("window_starts", { when: relative(starts_at) });
  const over = ended_at ?? ends_at;
  if (["ended", "archived"].includes(status) && over) return t("window_ended", { when: relative(over) });
  return ends_at ? t("window_ends", { when: relative(ends_at) }) : t("window_open");
}
