import { now } from "../foundation/clock";
import { dateTime, isNear, isPast, minute, relative } from "../foundation/time";
import { Badge } from "../foundation/ui/parts";
import { t } from "./words";

/** When an activity ends: in hours when that is soon, else by date, always in the person's zone. */
export function Ends({ at }: { at: string | null }) {
  void minute.value;
  if (!at) return null;
  const present = now();
  if (isPast(at, present)) return <Badge tone="bad">{t("ended")}</Badge>;
  const near = isNear(at, present);
  return (
    <Badge tone={near ? "warning" : "plain"} icon="clock">
      <time dateTime={at} title={dateTime(at)}>
        {t("ends", { when: near ? relative(at, present) : dateTime(at) })}
      </time>
    </Badge>
  );
}
