import { useLocation } from "preact-iso";
import { useEffect, useState } from "preact/hooks";
import { useOffered } from "../activities/queries";
import { ApiProblem, asProblem } from "../foundation/api/problems";
import { queryClient } from "../foundation/api/queries";
import { later } from "../foundation/later";
import { keptInTab, TRIAL } from "../foundation/store";
import { problemWords } from "../foundation/problem_words";
import { Button, LinkButton } from "../foundation/ui/buttons";
import { Icon, type IconName } from "../foundation/ui/Icon";
import { ErrorNote, Note, PageHead } from "../foundation/ui/parts";
import { ME } from "../me/queries";
import type { Steps } from "../performances/Disclosure";
import { Progress } from "../performances/Progress";
import { perform } from "../performances/queries";
import { leaveForTikTok } from "./leave";
import { ACCOUNT, beginToConnect } from "./queries";
import css from "./tiktok.module.css";
import { t } from "./words.connected";

const Acknowledge = later(async () => ({ default: (await import("../performances/Disclosure")).Acknowledge }));

const Views = later(async () => (await import("./views_entry")).consent());

const RESULTS = ["connected", "denied", "scope_missing", "account_taken", "consent_expired", "cookie_missing", "failed"] as const;
type Result = (typeof RESULTS)[number];

const ICONS: Record<Result, IconName> = {
  connected: "check",
  denied: "close",
  scope_missing: "lock",
  account_taken: "people",
  consent_expired: "clock",
  cookie_missing: "globe",
  failed: "alert",
};

/** Where TikTok's consent page leads back to: says how it went, and goes on from here. */
export default function ConnectedScreen() {
  const { query } = useLocation();
  const result = RESULTS.find((each) => each === query.result) ?? "failed";
  const activityId = query.activity || null;
  const [made, setMade] = useState(query.performance || undefined);
  const offered = useOffered(activityId).data;
  useEffect(() => {
    for (const queryKey of [ME, ACCOUNT, ["feed"], ["performances"]]) void queryClient.invalidateQueries({ queryKey });
  }, []);

  const trial = keptInTab.read<string>(TRIAL);
  const card = !activityId ? trial && `/manage/activities/${trial}` : made ? undefined : `/?activity=${encodeURIComponent(activityId)}`;
  const sent = result === "connected" && made !== undefined;
  const title = sent ? t("result_sent_title") : t(`result_${result}_title`);
  return (
    <div class={css.back}>
      {sent ? null : (
        <span class={result === "connected" ? `${css.emblem} ${css.good}` : css.emblem}>
          <Icon name={ICONS[result]} size={34} />
        </span>
      )}
      <PageHead title={title} />
      {offered ? (
        <p class={css.video}>
          <span>{t("for_video")}</span>
          <bdi>{offered.instructions}</bdi>
        </p>
      ) : null}
      {made ? <Progress performanceId={made} alone /> : <p class={css.text}>{t(`result_${result}_text`)}</p>}
      {query.views ? <Views denied={query.views === "off"} /> : null}
      {query.problem ? (
        <Note tone="warning">
          <p>{t("not_sent")}</p>
          <p>{problemWords(new ApiProblem(query.problem, 0, ""))}</p>
        </Note>
      ) : null}
      <div class={css.actions}>
        {result === "connected" ? null : <BeginAgain activityId={activityId} onMade={setMade} />}
        <LinkButton
          kind={result === "connected" && !made ? "primary" : "secondary"}
          wide
          href={card ?? "/"}
        >
          {card ? t("back_to_card") : t("to_feed")}
        </LinkButton>
      </div>
    </div>
  );
}

/** Begins the way to TikTok anew in this browser; for a card, with its send at the end of it. */
function BeginAgain({ activityId, onMade }: { activityId: string | null; onMade: (performanceId: string) => void }) {
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>();
  const [asked, setAsked] = useState<Steps>();
  const [ticked, setTicked] = useState(false);
  const [missing, setMissing] = useState(false);
  const offered = useOffered(activityId).data;
  const steps = asked ?? offered?.disclosure_steps;
  const begin = async (): Promise<void> => {
    setBusy(true);
    setError(undefined);
    try {
      if (!activityId) return leaveForTikTok(await beginToConnect());
      if (steps?.version && !ticked) {
        setMissing(true);
        setBusy(false);
        return;
      }
      onMade((await perform(activityId, steps?.version)).performance_id);
    } catch (caught) {
      const problem = asProblem(caught);
      const url = problem.body.authorize_url;
      if (url) return leaveForTikTok(url);
      if (problem.body.disclosure_steps) {
        setAsked(problem.body.disclosure_steps);
        setTicked(false);
      } else setError(problem);
      setBusy(false);
    }
  };
  return (
    <>
      {activityId && steps?.version ? (
        <Acknowledge
          steps={steps}
          ticked={ticked}
          missing={missing && !ticked}
          changed={asked !== undefined && offered !== undefined}
          onTick={setTicked}
        />
      ) : null}
      {error ? <ErrorNote error={error} /> : null}
      <Button kind="primary" wide busy={busy} onClick={() => void begin()}>
        {busy ? t("leaving") : t("begin_again")}
      </Button>
    </>
  );
}
