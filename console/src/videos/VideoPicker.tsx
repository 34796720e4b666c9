import type { ComponentChildren } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { later } from "../foundation/later";
import { length } from "../foundation/time";
import { Button, IconButton } from "../foundation/ui/buttons";
import { Progress as ProgressBar } from "../foundation/ui/data";
import { Confirm } from "../foundation/ui/Dialog";
import { useFileDrop } from "../foundation/ui/forms";
import { Icon } from "../foundation/ui/Icon";
import { ErrorNote, Note } from "../foundation/ui/parts";
import { announce, toast } from "../foundation/ui/toasts";
import css from "./picker.module.css";
import { LIMITS, type VideoProblem } from "./precheck";
import { megabytes, timeLeft, videoProblemWords } from "./problem_words";
import { type Progress, UploadStopped } from "./send_form";
import type { Upload, useVerdict } from "./upload";
import { t } from "./words.manager";

type Verdict = ReturnType<typeof useVerdict>;

const RepairPanel = later(async () => (await import("./repair_entry")).panel());
const OtherWays = later(async () => (await import("./repair_entry")).otherWays());

/** The purpose of a video that is dropped on a picker. */
const pickers = new WeakMap<EventTarget, Upload>();

/**
 * Where a video is chosen, sent and judged: everything about it that a manager reads. One that is a
 * `further` cut is removed by whoever shows it.
 */
export function VideoPicker({ upload, verdict, further = false }: { upload: Upload; verdict: Verdict; further?: boolean }) {
  const state = upload.state.value;
  const input = useRef<HTMLInputElement>(null);
  const choose = (): void => input.current?.click();
  return (
    <div
      ref={(element) => {
        if (element) pickers.set(element, upload);
      }}
    >
      <input
        ref={input}
        type="file"
        accept="video/mp4,video/webm,.mp4,.webm,.mov,.mkv,video/*"
        hidden
        onChange={(event) => {
          const [file] = event.currentTarget.files ?? [];
          // The same file may be chosen again, once it has been exported anew.
          event.currentTarget.value = "";
          if (file) void upload.choose(file);
        }}
      />
      {state.stage === "none" ? <Empty onChoose={choose} /> : <Chosen upload={upload} verdict={verdict} further={further} onChoose={choose} />}
    </div>
  );
}

function Empty({ onChoose }: { onChoose: () => void }) {
  return (
    <div class={css.zone}>
      <Icon name="upload" size={32} />
      <Button kind="primary" onClick={onChoose}>
        {t("add_video")}
      </Button>
      <p>{t("drop_hint")}</p>
      <p>
        {t("rules_hint", {
          size: megabytes(LIMITS.bytes),
          min: length(LIMITS.minSeconds),
          max: length(LIMITS.maxSeconds),
          side: LIMITS.shorterSide,
        })}
      </p>
    </div>
  );
}

type ChosenProps = { upload: Upload; verdict: Verdict; further: boolean; onChoose: () => void };

function Chosen({ upload, verdict, further, onChoose }: ChosenProps) {
  const state = upload.state.value;
  if (state.stage === "none") return null;
  const url = upload.localUrl.value ?? verdict.data?.video?.preview_url;
  const sending = state.stage === "sending";
  const { file } = upload;
  const problems = problemsOf(upload, verdict);
  return (
    <div class={css.box}>
      <div class={css.row}>
        {url && state.stage !== "refused" ? (
          <video class={css.still} src={url} muted playsInline preload="metadata" aria-hidden="true" tabIndex={-1} />
        ) : (
          <span class={css.still} aria-hidden="true">
            <Icon name="activities" size={28} />
          </span>
        )}
        <div class={css.what}>
          <bdi class={css.name}>{state.name}</bdi>
          <Status upload={upload} verdict={verdict} />
        </div>
        <span class={css.buttons}>
          {sending ? (
            <Button size="small" onClick={() => upload.cancel()}>
              {t("cancel_upload")}
            </Button>
          ) : further ? null : (
            <IconButton icon="trash" size="small" label={t("remove_video")} onClick={() => upload.forget()} />
          )}
        </span>
      </div>
      {sending ? <Sending progress={state.progress} /> : null}
      {sending && !upload.fileIsKept.value ? <Note tone="warning">{t("draft_without_file")}</Note> : null}
      <Outcome upload={upload} verdict={verdict} onChoose={onChoose} />
      {file && (problems || upload.original.value) ? (
        <RepairPanel key={upload.localUrl.value} upload={upload} file={file} problems={problems} />
      ) : null}
    </div>
  );
}

/** The current file's problems, found here or by the server. */
function problemsOf(upload: Upload, { data }: Verdict): readonly VideoProblem[] | undefined {
  const state = upload.state.value;
  if (state.stage === "refused") return state.problems;
  return state.stage === "sent" && data?.status === "rejected" ? data.problems : undefined;
}

function Line({ tone, children }: { tone?: "good" | "bad"; children: ComponentChildren }) {
  return (
    <span class={tone ? `${css.state} ${css[tone]}` : css.state}>
      {tone ? <Icon name={tone === "good" ? "check" : "alert"} size={16} /> : null}
      {children}
    </span>
  );
}

/** The one line that says where it is; read aloud whenever it changes. */
function Status({ upload, verdict }: { upload: Upload; verdict: Verdict }) {
  const { stage } = upload.state.value;
  const { data } = verdict;
  const validating = stage === "sent" && (!data || data.status === "validating" || data.status === "awaiting_file");
  let words: string;
  let tone: "good" | "bad" | undefined;
  if (stage === "checking") words = t("checking");
  else if (stage === "sending") words = t("sending");
  else if (stage === "refused") [words, tone] = [t("refused_title"), "bad"];
  else if (stage === "stopped") [words, tone] = [t("stopped_title"), "bad"];
  else if (validating) words = t("validating");
  else if (data?.status === "valid") [words, tone] = [t("valid"), "good"];
  else [words, tone] = [data?.status === "expired" ? t("expired_title") : t("rejected_title"), "bad"];
  useEffect(() => announce(words), [words]);
  const video = data?.video;
  return (
    <>
      <Line {...(tone ? { tone } : {})}>{words}</Line>
      {video && stage === "sent" ? (
        <span class={css.fact}>
          {[length(video.duration_seconds), `${video.width} × ${video.height}`, megabytes(video.size_bytes)].join(" · ")}
          {video.has_audio ? null : ` · ${t("without_sound")}`}
        </span>
      ) : null}
    </>
  );
}

const SAID_EVERY = 0.25;

function Sending({ progress }: { progress: Progress }) {
  const { sent, total, speed, stalled } = progress;
  const share = total > 0 ? sent / total : 0;
  const quarter = Math.floor(share / SAID_EVERY);
  // Every percent read aloud would be all that is heard.
  useEffect(() => {
    if (quarter > 0) announce(t("sent_of", { sent: megabytes(sent), total: megabytes(total) }));
  }, [quarter]);
  return (
    <div>
      <ProgressBar label={t("sending")} value={share} />
      <p class={css.figures}>
        <span>{t("sent_of", { sent: megabytes(sent), total: megabytes(total) })}</span>
        {speed !== undefined && !stalled ? <span>{t("speed", { speed: megabytes(speed) })}</span> : null}
        <span>{sent >= total ? t("almost_there") : stalled || !speed ? null : timeLeft((total - sent) / speed)}</span>
      </p>
      {stalled ? (
        <Note tone="warning" icon="clock" alert>
          {t("stalled")}
        </Note>
      ) : null}
    </div>
  );
}

function Outcome({ upload, verdict, onChoose }: { upload: Upload; verdict: Verdict; onChoose: () => void }) {
  const state = upload.state.value;
  const { data, error } = verdict;
  const another = (
    <span class={css.buttons}>
      <Button size="small" icon="upload" onClick={onChoose}>
        {t("choose_another")}
      </Button>
    </span>
  );
  if (state.stage === "refused") {
    return (
      <Note tone="bad" alert>
        <Problems problems={state.problems} folded />
        <p>{t("refused_here")}</p>
        {another}
      </Note>
    );
  }
  if (state.stage === "stopped") return <Stopped error={state.error} upload={upload} another={another} />;
  if (state.stage !== "sent") return null;
  if (!data && error) return <ErrorNote error={error} />;
  if (data?.status === "rejected") {
    return (
      <Note tone="bad" alert>
        <Problems problems={data.problems} folded={upload.file !== undefined} />
        {another}
      </Note>
    );
  }
  if (data?.status === "expired") {
    return (
      <Note tone="bad" alert>
        <p>{t("expired_text")}</p>
        {another}
      </Note>
    );
  }
  if (data?.status === "valid") return null;
  return (
    <div class={css.figures}>
      <ProgressBar label={t("validating")} value={undefined} />
      <span>{error ? t("asking_failed") : t("validating_hint")}</span>
    </div>
  );
}

function Stopped({ error, upload, another }: { error: unknown; upload: Upload; another: ComponentChildren }) {
  const again = (
    <>
      <p>{t("from_start")}</p>
      <span class={css.buttons}>
        <Button size="small" icon="refresh" onClick={() => void upload.again()}>
          {t("send_again")}
        </Button>
      </span>
    </>
  );
  if (!(error instanceof UploadStopped)) return <ErrorNote error={error}>{again}</ErrorNote>;
  return (
    <Note tone={error.code === "cancelled" ? "plain" : "bad"} alert>
      <p>{t(`stop_${error.code}`, { limit: megabytes(LIMITS.bytes) })}</p>
      {error.code === "file_gone" ? another : again}
    </Note>
  );
}

/** With `folded` other ways to an MP4 are a click away, as the file can be repaired here. */
export function Problems({ problems, folded = false }: { problems: VideoProblem[]; folded?: boolean }) {
  const isMov = problems.some(({ code, actual }) => code === "unsupported_container" && actual === "mov");
  return (
    <>
      <ul class={css.problems}>
        {problems.map((problem) => (
          <li key={problem.code}>{videoProblemWords(problem)}</li>
        ))}
      </ul>
      {isMov ? <OtherWays folded={folded} /> : null}
    </>
  );
}

type DropProps = {
  /** Of which the first that has no video takes one that is dropped beside all pickers. */
  uploads: Upload[];
  /** The cut that the video replaces if all cuts have one. */
  otherwise: Upload;
};
type Dropped = { upload: Upload; file: File; name: string };

/**
 * Takes a file that is dropped anywhere on the page, and says so while one is held above it. Asks
 * before it takes the place of one that is on its way or has arrived.
 */
export function DropAnywhere({ uploads, otherwise }: DropProps) {
  const [asked, ask] = useState<Dropped>();
  const above = useFileDrop((files, event) => {
    const [file] = files;
    if (files.length > 1) toast(t("one_video"));
    const at = event.composedPath().flatMap((each) => pickers.get(each) ?? []);
    const upload = at[0] ?? uploads.find(({ state }) => state.value.stage === "none") ?? otherwise;
    const state = upload.state.value;
    if (!file) return;
    if (state.stage === "checking" || state.stage === "sending" || state.stage === "sent") ask({ upload, file, name: state.name });
    else void upload.choose(file);
  });
  const close = (): void => ask(undefined);
  return (
    <>
      {above ? (
        <div class={css.curtain}>
          <p>
            <Icon name="upload" size={32} />
            {t("drop_here")}
          </p>
        </div>
      ) : null}
      <Confirm
        title={t("choose_another")}
        open={asked !== undefined}
        onClose={close}
        confirm={t("choose_another")}
        onConfirm={() => {
          close();
          if (asked) void asked.upload.choose(asked.file);
        }}
      >
        <p>
          <bdi>{asked?.name}</bdi> → <bdi>{asked?.file.name}</bdi>
        </p>
      </Confirm>
    </>
  );
}
