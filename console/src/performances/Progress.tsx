import { useEffect, useRef, useState } from "preact/hooks";
import { queryClient } from "../foundation/api/queries";
import { later } from "../foundation/later";
import { LinkButton } from "../foundation/ui/buttons";
import { Icon, type IconName } from "../foundation/ui/Icon";
import { Badge, ErrorNote, Loading, Note, Skeleton } from "../foundation/ui/parts";
import { announce } from "../foundation/ui/toasts";
import { ME } from "../me/queries";
import css from "./performances.module.css";
import { isOnItsWay, LATE_AFTER_MS } from "./polling";
import { type OwnPerformance, PERFORMANCES, type Performance, usePerformance } from "./queries";
import { waitingWords } from "./waiting";
import { t } from "./words";

const Finish = later(async () => (await import("./finish_entry")).checklist());
const inServersWords = { default: ({ performance }: { performance: Performance }) => <>{performance.reason}</> };
export const FailureReason = later(() =>
  import("./finish_entry").then((it) => it.failureReason()).catch(() => inServersWords),
);

const STOPS: Performance["status"][] = ["queued", "sending", "staged", "posted"];

/** A video on its way, followed live: from accepted to the inbox, and on to posted. */
export function Progress({ performanceId, alone }: { performanceId: string; alone?: boolean }) {
  const query = usePerformance(performanceId);
  const performance = query.data;
  const status = performance?.status;
  const last = useRef<string>();
  useEffect(() => {
    if (!status || last.current === status) return;
    // A page of its own is read from its heading on; in a dialog this takes the reminder's place.
    if (last.current || !alone) announce(headline(status));
    if (last.current) {
      void queryClient.invalidateQueries({ queryKey: PERFORMANCES });
      void queryClient.invalidateQueries({ queryKey: ME });
    }
    last.current = status;
  }, [status]);
  if (!performance) {
    if (query.error) return <ErrorNote error={query.error} />;
    return (
      <Loading>
        <Skeleton height="9rem" />
      </Loading>
    );
  }
  return <Journey performance={performance} alone={alone ?? false} />;
}

export function headline(status: Performance["status"]): string {
  if (status === "staged") return t("staged_title");
  if (status === "unconfirmed") return t("unconfirmed_title");
  if (status === "posted") return t("posted_title");
  if (status === "failed") return t("failed_title");
  return t("on_its_way");
}

function Journey({ performance, alone }: { performance: OwnPerformance; alone: boolean }) {
  const { status } = performance;
  const finishing = status === "staged" || status === "unconfirmed" || status === "posted";
  const held = performance.waiting_for?.code === "account";
  return (
    <div class={css.journey}>
      <Banner status={status} held={held} alone={alone} />
      {isOnItsWay(status) && !held ? <p class={css.waits}>{waitingWords(performance)}</p> : null}
      {performance.points > 0 && status !== "failed" ? (
        <p class={css.awarded}>
          <Badge tone="honour" icon="sparkle">
            {t("points_awarded", { count: performance.points })}
          </Badge>
        </p>
      ) : null}
      {status === "failed" ? (
        <Note tone="bad">
          {performance.reason ? (
            <p>
              <FailureReason performance={performance} />
            </p>
          ) : null}
          <p>{performance.try ? t("failed_trial") : t("failed_text")}</p>
        </Note>
      ) : finishing ? null : (
        <Stops status={status} />
      )}
      {held ? (
        <LinkButton kind="primary" wide href="/settings#tiktok">
          {t("reconnect")}
        </LinkButton>
      ) : null}
      {isOnItsWay(status) && !held ? <Late key={performance.performance_id} /> : null}
      <Finish performance={performance} listed={finishing} />
    </div>
  );
}

/** On a page of its own, its heading comes right under the page's; in a dialog, under the dialog's. */
function Banner({ status, held, alone }: { status: Performance["status"]; held: boolean; alone: boolean }) {
  const Heading = alone ? "h2" : "h3";
  const looks: Record<string, { icon: IconName; title: string; text: string | null; look?: string | undefined }> = {
    queued: { icon: "send", title: t("on_its_way"), text: t("on_its_way_text"), look: css.moving },
    sending: { icon: "send", title: t("on_its_way"), text: t("on_its_way_text"), look: css.moving },
    held: { icon: "lock", title: t("held_title"), text: t("held_text"), look: css.waiting },
    unconfirmed: { icon: "inbox", title: t("unconfirmed_title"), text: t("unconfirmed_text"), look: css.waiting },
    staged: { icon: "inbox", title: t("staged_title"), text: t("staged_text"), look: css.good },
    posted: { icon: "check", title: t("posted_title"), text: t("posted_text"), look: css.good },
    failed: { icon: "alert", title: t("failed_title"), text: null, look: css.bad },
  };
  const shown = looks[held ? "held" : status];
  if (!shown) return null;
  return (
    <div class={css.banner}>
      <span class={`${css.emblem} ${shown.look ?? ""}`}>
        <Icon name={shown.icon} size={34} />
      </span>
      <Heading>{shown.title}</Heading>
      {shown.text ? <p>{shown.text}</p> : null}
    </div>
  );
}

function Stops({ status }: { status: Performance["status"] }) {
  // An unconfirmed one left here whole; whether it arrived is for its member to see.
  const at = status === "unconfirmed" ? STOPS.indexOf("staged") : STOPS.indexOf(status);
  return (
    <ol class={css.stops} aria-label={t("progress_label")}>
      {STOPS.map((stop, index) => {
        const done = index < at || status === "posted" || (index === at && status === "staged");
        const now = index === at && !done;
        return (
          <li key={stop} class={done ? css.stopDone : now ? css.stopNow : css.stop} aria-current={now ? "step" : undefined}>
            <span class={css.dot} aria-hidden="true">
              {done ? <Icon name="check" size={14} /> : null}
            </span>
            {t(`stop_${stop}` as "stop_queued")}
            {done ? <span class="visually-hidden"> ({t("stop_done")})</span> : null}
            {now ? <span class="visually-hidden"> ({t("stop_now")})</span> : null}
          </li>
        );
      })}
    </ol>
  );
}

function Late() {
  const [late, setLate] = useState(false);
  useEffect(() => {
    const timer = setTimeout(() => setLate(true), LATE_AFTER_MS);
    return () => clearTimeout(timer);
  }, []);
  return late ? (
    <Note icon="clock">
      <p role="status">{t("takes_longer")}</p>
    </Note>
  ) : null;
}
