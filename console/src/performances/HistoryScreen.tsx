import { useLocation } from "preact-iso";
import { useLayoutEffect, useRef, useState } from "preact/hooks";
import { copyText } from "../foundation/copy";
import { later } from "../foundation/later";
import { focusHeading } from "../foundation/shell/focus";
import { dateTime } from "../foundation/time";
import { Button, LinkButton } from "../foundation/ui/buttons";
import { Icon, type IconName } from "../foundation/ui/Icon";
import { Badge, EmptyState, ErrorNote, ErrorState, Loading, PageHead, Skeleton, type Tone } from "../foundation/ui/parts";
import { toast } from "../foundation/ui/toasts";
import { CaptionToCopy } from "./CaptionToCopy";
import css from "./performances.module.css";
import { FailureReason, Progress } from "./Progress";
import { type Performance, useHistory, usePerformance } from "./queries";
import { isPhone, tiktokAppLink } from "./tiktok_app";
import { waitingWords } from "./waiting";
import { t } from "./words";

const PostCounts = later(async () => (await import("../tiktok/views_entry")).postCounts());

/** `?performance=ID` shows one alone: what is left to do with it on this phone. */
export default function HistoryScreen() {
  const { performance } = useLocation().query;
  const before = useRef(performance);
  // The path stays, so the router sees no other screen.
  useLayoutEffect(() => {
    if (before.current === performance) return;
    before.current = performance;
    if (performance) scrollTo(0, 0);
    focusHeading();
  }, [performance]);
  return performance ? <One performanceId={performance} /> : <All />;
}

function One({ performanceId }: { performanceId: string }) {
  const instructions = usePerformance(performanceId).data?.instructions;
  return (
    <div class={css.alone}>
      <PageHead title={t("finish_title")}>{instructions ? <bdi>{instructions}</bdi> : null}</PageHead>
      <Progress performanceId={performanceId} alone />
      <LinkButton kind="quiet" wide href="/history">
        {t("history_title")}
      </LinkButton>
    </div>
  );
}

function All() {
  const history = useHistory();
  const items = history.data?.pages.flatMap((page) => page.items) ?? [];
  return (
    <>
      <PageHead title={t("history_title")}>{t("history_text")}</PageHead>
      {history.isPending ? (
        <Loading>
          <div class={css.list}>
            {[0, 1, 2, 3].map((each) => (
              <div key={each} class={css.row}>
                <Skeleton width="70%" />
                <Skeleton width="40%" />
              </div>
            ))}
          </div>
        </Loading>
      ) : null}
      {history.error && items.length === 0 ? (
        <ErrorState error={history.error} onRetry={() => void history.refetch()} />
      ) : null}
      {history.isSuccess && items.length === 0 ? (
        <EmptyState icon="send" title={t("history_empty_title")} actions={<LinkButton kind="primary" href="/">{t("to_feed")}</LinkButton>}>
          {t("history_empty_text")}
        </EmptyState>
      ) : null}
      {items.length > 0 ? (
        <ul class={css.list}>
          {items.map((item) => (
            <Row key={item.performance_id} item={item} />
          ))}
        </ul>
      ) : null}
      {history.error && items.length > 0 ? <ErrorNote error={history.error} /> : null}
      {history.hasNextPage ? (
        <div class={css.more}>
          <Button busy={history.isFetchingNextPage} onClick={() => void history.fetchNextPage()}>
            {t("show_more")}
          </Button>
        </div>
      ) : null}
    </>
  );
}

const LOOKS: Record<Performance["status"], { icon: IconName; tone: Tone; mark: string | undefined }> = {
  queued: { icon: "send", tone: "plain", mark: undefined },
  sending: { icon: "send", tone: "plain", mark: undefined },
  unconfirmed: { icon: "inbox", tone: "warning", mark: css.waiting },
  staged: { icon: "inbox", tone: "honour", mark: css.waiting },
  posted: { icon: "check", tone: "good", mark: css.good },
  failed: { icon: "alert", tone: "bad", mark: css.bad },
};

function Row({ item }: { item: Performance }) {
  const look = LOOKS[item.status];
  return (
    <li class={css.row}>
      <div class={css.rowHead}>
        <span class={`${css.rowMark} ${look.mark ?? ""}`}>
          <Icon name={look.icon} />
        </span>
        <div>
          <h2 dir="auto">{item.instructions}</h2>
          <p class={css.when}>{when(item)}</p>
        </div>
        {item.points > 0 ? (
          <span class={item.status === "failed" ? css.lost : css.gained}>{t("points_plus", { count: item.points })}</span>
        ) : null}
      </div>
      <div class={css.rowEnd}>
        <Badge tone={look.tone}>{t(`status_${item.status}`)}</Badge>
        {item.shared_at ? <Badge>{t("shared_badge")}</Badge> : null}
        {item.try ? <Badge>{t("trial")}</Badge> : null}
        {item.posted_bonus > 0 && item.status !== "failed" ? (
          <Badge tone="honour" icon="sparkle">
            {t(item.status === "posted" ? "bonus_got" : "bonus_ahead", { count: item.posted_bonus })}
          </Badge>
        ) : null}
      </div>
      {item.counted ? <PostCounts counted={item.counted} /> : null}
      <NextStep item={item} />
    </li>
  );
}

function when(item: Performance): string {
  if (item.posted_at) return t("posted_at", { when: dateTime(item.posted_at) });
  if (item.failed_at) return t("failed_at", { when: dateTime(item.failed_at) });
  if (item.staged_at) return t("staged_at", { when: dateTime(item.staged_at) });
  return t("sent_at", { when: dateTime(item.queued_at) });
}

function NextStep({ item }: { item: Performance }) {
  const [refused, setRefused] = useState(false);
  const copy = async (): Promise<void> => {
    if (item.caption && (await copyText(item.caption))) toast(t("caption_copied"));
    else setRefused(true);
  };
  if (item.status === "posted") return null;
  if (item.status === "failed") {
    return (
      <>
        {item.reason ? (
          <p class={css.reason}>
            <FailureReason performance={item} />
          </p>
        ) : null}
        {item.try ? null : (
          <div class={css.rowEnd}>
            <LinkButton size="small" icon="refresh" href={`/?activity=${encodeURIComponent(item.activity_id)}`}>
              {t("send_again")}
            </LinkButton>
          </div>
        )}
      </>
    );
  }
  if (item.status === "staged" || item.status === "unconfirmed") {
    return (
      <>
        <p class={css.reason}>{t(`next_${item.status}`)}</p>
        <div class={css.rowEnd}>
          <LinkButton size="small" kind="primary" icon="check" href={`/history?performance=${encodeURIComponent(item.performance_id)}`}>
            {t("finish_now")}
          </LinkButton>
          {item.caption ? (
            <Button size="small" icon="copy" onClick={() => void copy()}>
              {t("copy_caption")}
            </Button>
          ) : null}
          {isPhone() ? (
            <LinkButton size="small" icon="external" href={tiktokAppLink()} rel="noreferrer">
              {t("open_tiktok")}
            </LinkButton>
          ) : null}
        </div>
        {refused ? <CaptionToCopy caption={item.caption} /> : null}
      </>
    );
  }
  if (item.waiting_for?.code === "account") {
    return (
      <>
        <p class={css.reason}>{t("held_text")}</p>
        <div class={css.rowEnd}>
          <LinkButton size="small" href="/settings#tiktok">
            {t("reconnect")}
          </LinkButton>
        </div>
      </>
    );
  }
  return <p class={css.reason}>{waitingWords(item)}</p>;
}
