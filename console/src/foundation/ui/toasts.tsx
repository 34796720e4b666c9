import { signal } from "@preact/signals";
import { useEffect, useLayoutEffect, useRef } from "preact/hooks";
import { t } from "../t";
import { Button, IconButton } from "./buttons";
import css from "./ui.module.css";

type Toast = { id: number; text: string; act?: { label: string; run: () => void } | undefined };

const MAX_SHOWN = 3;
const STAYS_MS = 6_000;
const STAYS_TO_ACT_MS = 14_000;

const toasts = signal<Toast[]>([]);
const announcement = signal("");
let count = 0;

/** A short word that goes away by itself, with one thing to do at most. It is read aloud, too. */
export function toast(text: string, act?: { label: string; run: () => void }): void {
  count += 1;
  toasts.value = [...toasts.value, { id: count, text, act }].slice(-MAX_SHOWN);
}

/** Says something to screen readers alone, such as progress that others see. */
export function announce(text: string): void {
  announcement.value = "";
  queueMicrotask(() => {
    announcement.value = text;
  });
}

function dismiss(id: number): void {
  toasts.value = toasts.value.filter((each) => each.id !== id);
}

function OneToast({ toast: { id, text, act } }: { toast: Toast }) {
  const timer = useRef<ReturnType<typeof setTimeout>>();
  const stop = (): void => clearTimeout(timer.current);
  const start = (): void => {
    stop();
    timer.current = setTimeout(() => dismiss(id), act ? STAYS_TO_ACT_MS : STAYS_MS);
  };
  useEffect(() => {
    start();
    return stop;
  }, []);
  return (
    // A person who points at it or has the focus in it is reading it, or about to press.
    <div class={css.toast} onMouseEnter={stop} onMouseLeave={start} onFocusIn={stop} onFocusOut={start}>
      <p>{text}</p>
      {act ? (
        <span class={css.toastAct}>
          <Button
            kind="quiet"
            size="small"
            onClick={() => {
              dismiss(id);
              act.run();
            }}
          >
            {act.label}
          </Button>
        </span>
      ) : null}
      <IconButton icon="close" size="small" label={t("close")} onClick={() => dismiss(id)} />
    </div>
  );
}

/** The mounted toast regions, the innermost last: an open modal dialog makes everything outside it inert. */
const regions = signal<object[]>([]);
const NONE: Toast[] = [];

/**
 * Renders toasts and announcements. The shell and every modal dialog contain one; only the innermost
 * shows the toasts, so that people can reach their buttons and screen readers read them. Its popover
 * stays open while it is empty: screen readers ignore a live region that is hidden until its text comes.
 */
export function Toasts() {
  const box = useRef<HTMLDivElement>(null);
  const shown = regions.value.at(-1) === box ? toasts.value : NONE;
  useLayoutEffect(() => {
    announcement.value = "";
    regions.value = [...regions.value, box];
    return () => {
      regions.value = regions.value.filter((each) => each !== box);
    };
  }, []);
  useEffect(() => {
    // Showing the popover again moves it above dialogs that opened since, including its own.
    box.current?.togglePopover(false);
    box.current?.togglePopover(true);
  }, [shown]);
  return (
    <>
      <div ref={box} popover="manual" class={css.toasts} role="status" aria-live="polite">
        {shown.map((each) => (
          <OneToast key={each.id} toast={each} />
        ))}
      </div>
      <div class="visually-hidden" aria-live="polite">
        {announcement.value}
      </div>
    </>
  );
}
