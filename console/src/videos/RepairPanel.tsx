import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import { length } from "../foundation/time";
import { localeTag } from "../foundation/words";
import { Button } from "../foundation/ui/buttons";
import { Progress as ProgressBar } from "../foundation/ui/data";
import { Select } from "../foundation/ui/fields";
import { Note } from "../foundation/ui/parts";
import { announce } from "../foundation/ui/toasts";
import { LIMITS, type VideoProblem } from "./precheck";
import { megabytes, timeLeft } from "./problem_words";
import type { Found, StopCode } from "./repair";
import css from "./repair.module.css";
import {
  type Choices,
  cannotDoWithout,
  defaultPart,
  isTooLong,
  type Obstacle,
  offer,
  plan,
  QUALITIES,
  type Repair,
  type Step,
} from "./repair_plan";
import { TrimSlider } from "./RepairTrim";
import type { Upload } from "./upload";
import { t } from "./words.repair";

type Stage =
  | { at: "offered" }
  | { at: "looking" }
  | { at: "planned"; found: Found }
  | { at: "working"; share: number; secondsLeft: number | undefined }
  | { at: "stopped"; code: StopCode | "not_loaded" };

type Props = { upload: Upload; file: File; problems: readonly VideoProblem[] | undefined };

/** Offers to repair a refused video in this browser, and afterwards the way back to the original. */
export default function RepairPanel({ upload, file, problems }: Props) {
  const original = upload.original.value;
  return (
    <>
      {original ? (
        <p class={css.repaired}>
          {t("repaired", { name: original.name })}{" "}
          <Button size="small" kind="quiet" onClick={() => void upload.choose(original)}>
            {t("take_original")}
          </Button>
        </p>
      ) : null}
      {problems ? <Repairing upload={upload} file={file} problems={problems} /> : null}
    </>
  );
}

const EMPTY: Choices = { start: 0, end: 0, quality: "high" };

function Repairing({ upload, file, problems }: Props & { problems: readonly VideoProblem[] }) {
  const [stage, setStage] = useState<Stage>({ at: "offered" });
  const [choices, setChoices] = useState<Choices>(EMPTY);
  const running = useRef<AbortController>();
  const box = useRef<HTMLElement>(null);
  const offered = useMemo(() => offer(problems), [problems]);

  // Nothing goes on once this is left, and nobody leaves by mistake.
  useEffect(() => () => running.current?.abort(), []);
  const isWorking = stage.at === "working";
  useEffect(() => {
    if (!isWorking) return;
    const ask = (event: BeforeUnloadEvent): void => event.preventDefault();
    addEventListener("beforeunload", ask);
    return () => removeEventListener("beforeunload", ask);
  }, [isWorking]);
  // The button that was pressed goes away: what comes in its place takes the focus.
  useEffect(() => {
    if (stage.at !== "offered") box.current?.focus();
  }, [stage.at]);

  const run = async (work: (repair: typeof import("./repair"), signal: AbortSignal) => Promise<void>): Promise<void> => {
    running.current?.abort();
    const controller = new AbortController();
    running.current = controller;
    let repair: typeof import("./repair");
    try {
      repair = await import("./repair");
    } catch {
      setStage({ at: "stopped", code: "not_loaded" });
      return;
    }
    try {
      await work(repair, controller.signal);
    } catch (error) {
      if (running.current !== controller) return;
      setStage({ at: "stopped", code: error instanceof repair.RepairStopped ? error.code : "broken" });
    }
  };

  const look = (): Promise<void> => {
    setStage({ at: "looking" });
    announce(t("looking"));
    return run(async (repair, signal) => {
      const found = await repair.inspect(file, signal);
      if (signal.aborted) return;
      const first: Choices = { ...defaultPart(found.facts), quality: "high" };
      setChoices(first);
      const planned = plan(found.facts, found.able, first, problems);
      // Where there is nothing to choose and nothing is lost, there is nothing to ask either.
      if (planned.kind === "repair" && planned.picture === "copy" && !planned.steps.includes("trim")) await repairIt(repair, found, first, signal);
      else setStage({ at: "planned", found });
    });
  };

  const repairIt = async (repair: typeof import("./repair"), found: Found, chosen: Choices, signal: AbortSignal): Promise<void> => {
    setStage({ at: "working", share: 0, secondsLeft: undefined });
    announce(t("working"));
    const begun = performance.now();
    const shown = (share: number): void => {
      const seconds = (performance.now() - begun) / 1000;
      const isKnown = share > KNOWN_SHARE && seconds > KNOWN_SECONDS;
      setStage({ at: "working", share, secondsLeft: isKnown ? (seconds / share) * (1 - share) : undefined });
    };
    const made = await repair.repairFile(file, found, chosen, problems, (share) => !signal.aborted && shown(share), signal);
    if (signal.aborted) return;
    announce(t("done"));
    await upload.choose(made, upload.original.value ?? file);
  };

  const start = (found: Found): Promise<void> => run((repair, signal) => repairIt(repair, found, choices, signal));

  return (
    <section class={css.box} aria-label={t("title")} ref={box} tabIndex={-1}>
      {stage.at === "offered" ? <Offer {...offered} onTake={() => void look()} /> : null}
      {stage.at === "looking" ? (
        <Busy label={t("looking")} value={undefined} onCancel={() => running.current?.abort()} />
      ) : null}
      {stage.at === "planned" ? (
        <Planned
          found={stage.found}
          problems={problems}
          choices={choices}
          url={upload.localUrl.value}
          onChoose={setChoices}
          onStart={() => void start(stage.found)}
          onClose={() => setStage({ at: "offered" })}
        />
      ) : null}
      {stage.at === "working" ? (
        <Busy label={t("working")} value={stage.share} secondsLeft={stage.secondsLeft} onCancel={() => running.current?.abort()} />
      ) : null}
      {stage.at === "stopped" ? (
        <Note tone={stage.code === "cancelled" ? "plain" : "bad"} alert>
          <p>{t(`stop_${stage.code}`)}</p>
          <Button size="small" icon="refresh" onClick={() => void look()}>
            {t("again")}
          </Button>
        </Note>
      ) : null}
    </section>
  );
}

/** Before so much of it is done, and for so long, how long the rest takes is a guess. */
const KNOWN_SHARE = 0.02;
const KNOWN_SECONDS = 2;

const stepWords = (step: Step): string =>
  t(`step_${step}`, {
    max: length(LIMITS.maxSeconds),
    size: megabytes(LIMITS.bytes),
    low: LIMITS.minFrameRate,
    high: LIMITS.maxFrameRate,
  });

const obstacleWords = (obstacle: Obstacle): string => t(`obstacle_${obstacle}`, { side: LIMITS.shorterSide });

function Steps({ steps }: { steps: readonly Step[] }) {
  return (
    <ul class={css.steps}>
      {steps.map((step) => (
        <li key={step}>{stepWords(step)}</li>
      ))}
    </ul>
  );
}

function Obstacles({ obstacles, isPart }: { obstacles: readonly Obstacle[]; isPart: boolean }) {
  return (
    <>
      <p class={css.head}>{t(isPart ? "cannot_part" : "cannot")}</p>
      <ul class={css.steps}>
        {obstacles.map((obstacle) => (
          <li key={obstacle}>{obstacleWords(obstacle)}</li>
        ))}
      </ul>
    </>
  );
}

function Offer({ steps, obstacles, onTake }: { steps: Step[]; obstacles: Obstacle[]; onTake: () => void }) {
  const against = obstacles.length > 0 ? obstacles : cannotDoWithout(steps, typeof VideoEncoder !== "undefined");
  if (against.length > 0) return <Obstacles obstacles={against} isPart={steps.length > 0 && obstacles.length > 0} />;
  if (steps.length === 0) return null;
  return (
    <>
      <p>{t("intro")}</p>
      <Steps steps={steps} />
      <div>
        <Button kind="primary" icon="sparkle" onClick={onTake}>
          {t("fix")}
        </Button>
      </div>
    </>
  );
}

type BusyProps = { label: string; value: number | undefined; secondsLeft?: number | undefined; onCancel: () => void };

function Busy({ label, value, secondsLeft, onCancel }: BusyProps) {
  const percent = new Intl.NumberFormat(localeTag(), { style: "percent" }).format(value ?? 0);
  const quarter = Math.floor((value ?? 0) * 4);
  useEffect(() => {
    if (quarter > 0) announce(t("percent", { percent }));
  }, [quarter]);
  return (
    <>
      <p class={css.head}>{label}</p>
      <ProgressBar label={label} value={value} />
      <p class={css.figures}>
        {value === undefined ? null : <span>{t("percent", { percent })}</span>}
        {secondsLeft === undefined ? null : <span>{timeLeft(secondsLeft)}</span>}
        <span>{t("stay")}</span>
      </p>
      <div>
        <Button size="small" onClick={onCancel}>
          {t("cancel")}
        </Button>
      </div>
    </>
  );
}

type PlannedProps = {
  found: Found;
  problems: readonly VideoProblem[];
  choices: Choices;
  url: string | undefined;
  onChoose: (choices: Choices) => void;
  onStart: () => void;
  onClose: () => void;
};

function Planned({ found: { facts, able }, problems, choices, url, onChoose, onStart, onClose }: PlannedProps) {
  const planned = plan(facts, able, choices, problems);
  if (planned.kind === "impossible") return <Obstacles obstacles={planned.obstacles} isPart={false} />;
  if (planned.kind === "nothing") return <p>{t("nothing")}</p>;
  const isCut = isTooLong(facts);
  return (
    <>
      <p class={css.head}>{t("planned")}</p>
      <Steps steps={planned.steps} />
      {isCut ? (
        <TrimSlider
          first={facts.start}
          last={facts.end}
          start={choices.start}
          end={choices.end}
          url={url}
          onChange={(start, end) => onChoose({ ...choices, start, end })}
        />
      ) : null}
      {planned.picture === "copy" ? null : (
        <Select
          label={t("quality")}
          value={choices.quality}
          onChange={(event) => onChoose({ ...choices, quality: event.currentTarget.value as Choices["quality"] })}
        >
          {QUALITIES.map((quality) => (
            <option key={quality} value={quality}>
              {t(`quality_${quality}`)}
            </option>
          ))}
        </Select>
      )}
      <p class={css.figures}>{resultWords(planned)}</p>
      {isCut && planned.picture === "copy" && Math.abs(planned.start - choices.start) > SEEN_SHIFT ? (
        <p class={css.figures}>{t("starts_near", { start: length(planned.start - facts.start) })}</p>
      ) : null}
      <div class={css.buttons}>
        <Button kind="primary" onClick={onStart}>
          {t("start")}
        </Button>
        <Button kind="quiet" onClick={onClose}>
          {t("not_now")}
        </Button>
      </div>
    </>
  );
}

/** A start that moves by less than that is not worth a sentence. */
const SEEN_SHIFT = 0.5;

function resultWords({ container, picture, bytes }: Repair): string {
  const values = { container: container === "mp4" ? "MP4" : "WebM", size: megabytes(bytes) };
  if (picture === "copy") return t("result_copy", values);
  return t("result_encoded", { ...values, width: String(picture.width), height: String(picture.height) });
}
