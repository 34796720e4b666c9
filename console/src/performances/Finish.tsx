/** A checklist of the steps left in the TikTok app, with an alternative if the draft does not arrive. */
import type { ComponentChildren } from "preact";
import { useEffect, useState } from "preact/hooks";
import { queryClient } from "../foundation/api/queries";
import { copyText } from "../foundation/copy";
import { kept } from "../foundation/store";
import { dateTime } from "../foundation/time";
import { Button, LinkButton } from "../foundation/ui/buttons";
import { Checkbox } from "../foundation/ui/fields";
import { Icon } from "../foundation/ui/Icon";
import { ErrorNote, Note } from "../foundation/ui/parts";
import { toast } from "../foundation/ui/toasts";
import { CaptionToCopy } from "./CaptionToCopy";
import { Toggles } from "./Disclosure";
import css from "./finish.module.css";
import sends from "./performances.module.css";
import { markShared, type OwnPerformance, PERFORMANCES } from "./queries";
import { fetchVideo, saveFile, shares } from "./share";
import { INBOX_LINKS, isPhone, tiktokAppLink } from "./tiktok_app";
import { t } from "./words";
import { t as own } from "./words.finish";

type Props = {
  performance: OwnPerformance;
  /** Whether it is, or may be, in the inbox: then there is a checklist. */
  listed: boolean;
};

export default function Finish({ performance, listed }: Props) {
  return (
    <>
      {listed ? <Checklist performance={performance} /> : null}
      {performance.try || performance.status === "posted" ? null : <ByHand performance={performance} />}
    </>
  );
}

type Done = { copied?: boolean; opened?: boolean; disclosed?: boolean };

/** Ticks are this browser's own notes: only the last one is known from TikTok. */
function Checklist({ performance }: { performance: OwnPerformance }) {
  const name = `finish.${performance.performance_id}`;
  const [done, setDone] = useState<Done>(() => kept.read<Done>(name) ?? {});
  const [refused, setRefused] = useState(false);
  const posted = performance.status === "posted";
  const steps = performance.disclosure_steps;
  const tick = (added: Done): void => {
    const now = { ...done, ...added };
    setDone(now);
    kept.write(name, now);
  };
  const copy = async (): Promise<void> => {
    if (performance.caption && (await copyText(performance.caption))) {
      toast(t("caption_copied"));
      tick({ copied: true });
    } else setRefused(true);
  };
  useEffect(() => {
    if (posted) kept.write(name, undefined);
  }, [posted]);
  return (
    <section class={css.finish} aria-label={t("finish_title")}>
      <ol class={css.checklist}>
        {performance.caption ? (
          <Line done={posted || done.copied} title={t("copy_caption")}>
            {refused ? (
              <CaptionToCopy caption={performance.caption} refused />
            ) : (
              <Button size="small" kind={done.copied ? "secondary" : "primary"} icon="copy" onClick={() => void copy()}>
                {t("copy_caption")}
              </Button>
            )}
          </Line>
        ) : null}
        <Line done={posted || done.opened} title={own("finish_open")}>
          <p>{own("finish_path")}</p>
          {isPhone() ? (
            <span class={sends.rowEnd}>
              {INBOX_LINKS.map((href, index) => (
                <LinkButton key={href} size="small" icon="inbox" href={href} onClick={() => tick({ opened: true })}>
                  {own(index === 0 ? "finish_inbox" : "finish_inbox_asia")}
                </LinkButton>
              ))}
              <LinkButton size="small" icon="external" href={tiktokAppLink()} rel="noreferrer" onClick={() => tick({ opened: true })}>
                {t("open_tiktok")}
              </LinkButton>
            </span>
          ) : null}
        </Line>
        {steps && steps.toggles.length > 0 ? (
          <Line done={posted || done.disclosed} title={t("disclose_title")}>
            <p>{own("finish_disclose_path")}</p>
            <Toggles steps={steps} />
            {posted ? null : (
              <Checkbox
                label={own("finish_disclosed")}
                checked={done.disclosed ?? false}
                onChange={(event) => tick({ disclosed: event.currentTarget.checked })}
              />
            )}
          </Line>
        ) : null}
        <Line done={posted} title={own("finish_post")}>
          {posted ? null : <p>{own("finish_post_text")}</p>}
        </Line>
      </ol>
    </section>
  );
}

function Line({ done, title, children }: { done: boolean | undefined; title: string; children: ComponentChildren }) {
  return (
    <li class={done ? css.lineDone : css.line}>
      <span class={sends.dot} aria-hidden="true">
        {done ? <Icon name="check" size={14} /> : null}
      </span>
      <div>
        <strong>{title}</strong>
        {done ? <span class="visually-hidden"> ({t("stop_done")})</span> : null}
        {children}
      </div>
    </li>
  );
}

/** Shares or saves the video, and says so: nothing of it counts as staged or posted. */
function ByHand({ performance }: { performance: OwnPerformance }) {
  const [open, setOpen] = useState(performance.shared_at !== null);
  const [file, setFile] = useState<File>();
  const [busy, setBusy] = useState<"video" | "mark">();
  const [error, setError] = useState<unknown>();
  const shared = performance.shared_at;

  const attempt = async (what: "video" | "mark", work: () => Promise<void>): Promise<void> => {
    setBusy(what);
    setError(undefined);
    try {
      await work();
    } catch (caught) {
      setError(caught);
    } finally {
      setBusy(undefined);
    }
  };
  const mark = (): Promise<void> =>
    attempt("mark", async () => {
      const now = await markShared(performance.performance_id, !shared);
      queryClient.setQueryData(["performance", performance.performance_id], now);
      void queryClient.invalidateQueries({ queryKey: PERFORMANCES });
    });
  const share = async (): Promise<void> => {
    if (!file) return;
    try {
      // The file alone: with a text beside it, iOS shares the text only.
      await navigator.share({ files: [file] });
    } catch (caught) {
      if (!(caught instanceof DOMException) || caught.name !== "AbortError") toast(own("share_refused"));
    }
  };

  if (!open) {
    return (
      <Button kind="quiet" wide onClick={() => setOpen(true)}>
        {own("by_hand")}
      </Button>
    );
  }
  return (
    <section class={css.finish} aria-label={own("by_hand")}>
      <p class={sends.reason}>{own("by_hand_text")}</p>
      {file ? (
        <span class={sends.rowEnd}>
          {shares(file) ? (
            <Button kind="primary" icon="send" onClick={() => void share()}>
              {own("share_video")}
            </Button>
          ) : null}
          <Button onClick={() => saveFile(file)}>
            {own("save_video")}
          </Button>
        </span>
      ) : (
        <Button
          busy={busy === "video"}
          onClick={() => void attempt("video", async () => setFile(await fetchVideo(performance)))}
        >
          {own("fetch_video")}
        </Button>
      )}
      {shared ? (
        <Note tone="good" icon="check">
          <p>{own("shared_at", { when: dateTime(shared) })}</p>
        </Note>
      ) : null}
      <Button kind="quiet" busy={busy === "mark"} onClick={() => void mark()}>
        {shared ? own("shared_undo") : own("shared_mark")}
      </Button>
      {error ? <ErrorNote error={error} /> : null}
    </section>
  );
}
