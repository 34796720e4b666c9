/** The small parts that every screen is made of. */
import type { ComponentChildren } from "preact";
import { useLayoutEffect } from "preact/hooks";
import { asProblem } from "../api/problems";
import { copyText } from "../copy";
import { problemWords } from "../problem_words";
import { t } from "../t";
import { Button } from "./buttons";
import { Icon, type IconName } from "./Icon";
import { toast } from "./toasts";
import css from "./ui.module.css";

export type Tone = "plain" | "good" | "honour" | "warning" | "bad";

export function Badge({ tone = "plain", icon, children }: { tone?: Tone; icon?: IconName; children: ComponentChildren }) {
  return (
    <span class={tone === "plain" ? css.badge : `${css.badge} ${css[tone]}`}>
      {icon ? <Icon name={icon} size={14} /> : null}
      {children}
    </span>
  );
}

/** A number from a text that stays the same for it: for colours that tell people apart. */
export function hue(of: string): number {
  let sum = 7;
  for (const character of of) sum = (sum * 31 + (character.codePointAt(0) ?? 0)) % 360;
  return sum;
}

function initials(name: string): string {
  const words = name.trim().split(/\s+/).filter(Boolean);
  const first = (word: string | undefined): string =>
    word ? ([...new Intl.Segmenter().segment(word)][0]?.segment ?? "") : "";
  const last = words.length > 1 ? words[words.length - 1] : undefined;
  return (first(words[0]) + first(last)).toLocaleUpperCase() || "?";
}

export function Avatar({ name, id = name, size }: { name: string; id?: string; size?: string }) {
  return (
    <span class={css.avatar} aria-hidden="true" style={{ "--hue": hue(id), ...(size ? { "--avatar": size } : {}) }}>
      {initials(name)}
    </span>
  );
}

export function Card({ children, padded = true }: { children: ComponentChildren; padded?: boolean }) {
  return <section class={padded ? `${css.card} ${css.padded}` : css.card}>{children}</section>;
}

/** Names the page in the browser's tab; a part that is not the whole page names none. */
export function useTitle(title: string | undefined): void {
  useLayoutEffect(() => {
    if (title) document.title = `${title} · ${t("app_name")}`;
  }, [title]);
}

export function PageHead({ title, children, actions }: { title: string; children?: ComponentChildren; actions?: ComponentChildren }) {
  useTitle(title);
  return (
    <div class={css.pageHead}>
      <div>
        <h1 tabIndex={-1}>{title}</h1>
        {children ? <p>{children}</p> : null}
      </div>
      {actions}
    </div>
  );
}

/** In a dialog that is higher than the screen, what was pressed is in sight and its answer may not be. */
function intoView(note: HTMLElement | null): void {
  if (note?.closest("dialog")) note.scrollIntoView({ block: "nearest" });
}

export function Note({
  tone = "plain",
  icon = "alert",
  children,
  alert,
}: {
  tone?: "plain" | "good" | "warning" | "bad";
  icon?: IconName;
  children: ComponentChildren;
  /** Read aloud at once when it appears. */
  alert?: boolean;
}) {
  return (
    <div
      ref={alert ? intoView : null}
      class={tone === "plain" ? css.note : `${css.note} ${css[tone]}`}
      role={alert ? "alert" : undefined}
    >
      <Icon name={icon} />
      <div>{children}</div>
    </div>
  );
}

export function Skeleton({ width = "100%", height = "1em" }: { width?: string; height?: string }) {
  return <span class={css.skeleton} style={{ inlineSize: width, blockSize: height }} />;
}

/** Says once that something is loading, around skeletons that only eyes can see. */
export function Loading({ children }: { children: ComponentChildren }) {
  return (
    <div aria-busy="true">
      <p class="visually-hidden" role="status">
        {t("loading")}
      </p>
      <div aria-hidden="true">{children}</div>
    </div>
  );
}

export function EmptyState({
  icon,
  title,
  children,
  actions,
  whole,
}: {
  icon: IconName;
  title: string;
  children?: ComponentChildren;
  actions?: ComponentChildren;
  /** It is the whole page, so its title is the page's heading. */
  whole?: boolean;
}) {
  useTitle(whole ? title : undefined);
  const Title = whole ? "h1" : "h2";
  return (
    <div class={css.state}>
      <span class={css.stateMark}>
        <Icon name={icon} size={32} />
      </span>
      <Title tabIndex={-1}>{title}</Title>
      {children ? <p>{children}</p> : null}
      {actions ? <div class={css.actions}>{actions}</div> : null}
    </div>
  );
}

/** What went wrong in words, the id to name when asking for help, and a way to try again. */
export function ErrorState({ error, onRetry }: { error: unknown; onRetry?: () => void }) {
  const problem = asProblem(error);
  const offline = problem.code === "offline";
  return (
    <div class={css.state} role="alert">
      <span class={`${css.stateMark} ${offline ? css.calm : css.bad}`}>
        <Icon name={offline ? "offline" : "alert"} size={32} />
      </span>
      <h2>{offline ? t("offline_title") : t("error_title")}</h2>
      <p>{problemWords(problem)}</p>
      {problem.correlationId ? <CorrelationId id={problem.correlationId} /> : null}
      {onRetry ? (
        <div class={css.actions}>
          <Button kind="primary" icon="refresh" onClick={onRetry}>
            {t("try_again")}
          </Button>
        </div>
      ) : null}
    </div>
  );
}

/** The same in the middle of a page or a dialog. */
export function ErrorNote({ error, children }: { error: unknown; children?: ComponentChildren }) {
  const problem = asProblem(error);
  return (
    <Note tone="bad" alert>
      <p>{problemWords(problem)}</p>
      {children}
      {problem.correlationId ? (
        <p>
          <CorrelationId id={problem.correlationId} />
        </p>
      ) : null}
    </Note>
  );
}

export function CorrelationId({ id }: { id: string }) {
  return <CopyableId id={id} label={t("reference")} />;
}

/** An id that is copied by a press. */
export function CopyableId({ id, label }: { id: string; label?: string }) {
  const copy = async (): Promise<void> => {
    toast((await copyText(id)) ? t("copied") : t("copy_refused"));
  };
  return (
    <button type="button" class={css.id} onClick={() => void copy()} title={t("copy")}>
      {label ? <span>{`${label}: `}</span> : null}
      <bdi>{id}</bdi>
      <Icon name="copy" size={14} />
    </button>
  );
}
