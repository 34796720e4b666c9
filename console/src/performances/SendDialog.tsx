import type { ComponentChildren } from "preact";
import { useState } from "preact/hooks";
import { asProblem } from "../foundation/api/problems";
import { keptInTab, TRIAL } from "../foundation/store";
import { dateTime } from "../foundation/time";
import { Button } from "../foundation/ui/buttons";
import { Dialog } from "../foundation/ui/Dialog";
import { Icon, type IconName } from "../foundation/ui/Icon";
import { ErrorNote } from "../foundation/ui/parts";
import { type FeedItem, readOffered } from "../activities/queries";
import { leaveForTikTok } from "../tiktok/leave";
import { Acknowledge, type Steps } from "./Disclosure";
import css from "./performances.module.css";
import { Progress } from "./Progress";
import { perform } from "./queries";
import { t } from "./words";

type Item = Pick<FeedItem, "activity_id" | "instructions"> & {
  action: Pick<FeedItem["action"], "kind">;
  performance_id?: string | null;
  /** Missing in a feed that was kept for offline before there were any: the refusal brings them. */
  disclosure_steps?: Steps;
};
type Step =
  | { name: "reminder"; error?: unknown }
  | { name: "full"; retryAt: string | undefined }
  | { name: "progress"; performanceId: string };

type Props = {
  item: Item;
  onClose: (performed: boolean) => void;
  /** How it is sent: performed by a member, unless said otherwise. */
  sendIt?: (activityId: string, acknowledged: string | null) => Promise<{ performance_id: string }>;
  /** The text that a try-out shows above the reminder. */
  foreword?: ComponentChildren;
  label?: string;
};

/** From the reminder, which is read before anything is sent, to the video in the inbox. */
export default function SendDialog({ item, onClose, sendIt = perform, foreword, label: own }: Props) {
  const [step, setStep] = useState<Step>(
    item.performance_id ? { name: "progress", performanceId: item.performance_id } : { name: "reminder" },
  );
  const [busy, setBusy] = useState<"sending" | "leaving">();
  const [steps, setSteps] = useState(item.disclosure_steps);
  const [changed, setChanged] = useState(false);
  const [ticked, setTicked] = useState(false);
  const [missing, setMissing] = useState(false);
  const needsAccount = item.action.kind === "add_account_and_send";

  const send = async (): Promise<void> => {
    if (steps?.version && !ticked) return setMissing(true);
    setBusy("sending");
    try {
      const made = await sendIt(item.activity_id, steps?.version ?? null);
      setStep({ name: "progress", performanceId: made.performance_id });
      setBusy(undefined);
    } catch (error) {
      const problem = asProblem(error);
      const url = problem.body.authorize_url;
      if (problem.code === "tiktok_account_required" && url) {
        setBusy("leaving");
        // A try-out is not sent after consent: its manager is led back to it.
        if (foreword) keptInTab.write(TRIAL, item.activity_id);
        leaveForTikTok(url);
        return;
      }
      setBusy(undefined);
      if (problem.code === "tiktok_inbox_full") setStep({ name: "full", retryAt: problem.body.retry_at });
      else if (problem.code === "disclosure_not_acknowledged" && problem.body.disclosure_steps) {
        // Its manager changed what it asks since it was shown.
        setSteps(problem.body.disclosure_steps);
        setChanged(steps !== undefined);
        setTicked(false);
      } else if (problem.code === "already_performed") await showEarlier(problem);
      else setStep({ name: "reminder", error: problem });
    }
  };

  /** Another tab, or an answer that was lost, sent it before: then that one is followed. */
  const showEarlier = async (problem: unknown): Promise<void> => {
    try {
      const { performance_id } = await readOffered(item.activity_id);
      if (performance_id) setStep({ name: "progress", performanceId: performance_id });
      else setStep({ name: "reminder", error: problem });
    } catch {
      setStep({ name: "reminder", error: problem });
    }
  };

  const close = (): void => {
    if (busy !== "sending") onClose(step.name === "progress");
  };

  if (step.name === "progress") {
    return (
      <Dialog
        title={item.instructions.length > 60 ? `${item.instructions.slice(0, 57)}…` : item.instructions}
        open
        onClose={close}
        foot={<Button onClick={close}>{t("done")}</Button>}
      >
        <Progress performanceId={step.performanceId} />
      </Dialog>
    );
  }
  if (step.name === "full") {
    return (
      <Dialog
        title={t("full_title")}
        open
        firm={busy === "sending"}
        onClose={close}
        foot={
          <>
            <Button onClick={close}>{t("not_now")}</Button>
            <Button kind="primary" busy={busy === "sending"} onClick={() => void send()}>
              {t("full_again")}
            </Button>
          </>
        }
      >
        <FullInbox retryAt={step.retryAt} />
      </Dialog>
    );
  }
  const label = busy === "leaving" ? t("to_tiktok") : busy ? t("sending") : (own ?? (needsAccount ? t("add_and_send") : t("send")));
  return (
    <Dialog
      title={t("send_title")}
      open
      firm={busy === "sending"}
      onClose={close}
      foot={
        <>
          <Button onClick={close}>{t("not_now")}</Button>
          <Button kind="primary" icon="send" busy={busy !== undefined} onClick={() => void send()}>
            {label}
          </Button>
        </>
      }
    >
      {foreword}
      <p>{t("reminder")}</p>
      <ol class={css.steps}>
        <StepLine icon="external" title={t("step_open")} text={t("step_open_text")} />
        <StepLine icon="inbox" title={t("step_tap")} text={t("step_tap_text")} />
        <StepLine icon="note" title={t("step_finish")} text={t("step_finish_text")} />
      </ol>
      {steps?.version ? (
        <Acknowledge
          steps={steps}
          ticked={ticked}
          missing={missing && !ticked}
          changed={changed}
          onTick={setTicked}
        />
      ) : null}
      {needsAccount && !foreword ? <p class={css.aside}>{t("connect_first")}</p> : null}
      {step.error ? <ErrorNote error={step.error} /> : null}
    </Dialog>
  );
}

function StepLine({ icon, title, text }: { icon: IconName; title: string; text: string }) {
  return (
    <li class={css.step}>
      <span class={css.stepMark}>
        <Icon name={icon} size={22} />
      </span>
      <div>
        <strong>{title}</strong>
        <p>{text}</p>
      </div>
    </li>
  );
}

const PLACES = 5;

export function FullInbox({ retryAt }: { retryAt: string | undefined }) {
  return (
    <>
      <ul class={css.places}>
        {Array.from({ length: PLACES }, (_, place) => (
          <li key={place} class={css.place}>
            <Icon name="activities" size={22} />
            <span class="visually-hidden">{t("full_place")}</span>
          </li>
        ))}
      </ul>
      <p>{t("full_text")}</p>
      {retryAt ? (
        <p>
          <strong>{t("full_next", { when: dateTime(retryAt) })}</strong>
        </p>
      ) : null}
    </>
  );
}
