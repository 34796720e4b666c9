/** Asks before unsaved input is lost by a link, Back, a command or closing the page. */
import { useLocation } from "preact-iso";
import type { ComponentChildren } from "preact";
import { useLayoutEffect } from "preact/hooks";
import { back } from "./back";
import { asked, guard, leave } from "./leave";
import { Button } from "./ui/buttons";
import { Dialog } from "./ui/Dialog";
import { t } from "./words.manager";

function linkOf(event: MouseEvent): HTMLAnchorElement | undefined {
  if (event.defaultPrevented || event.button !== 0 || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
  const link = event.composedPath().find((each) => each instanceof HTMLAnchorElement);
  if (!link || link.target || link.download || link.origin !== location.origin) return;
  return link.pathname === location.pathname ? undefined : link;
}

type Props = {
  /** Whether there is unsaved input. */
  dirty: boolean;
  /** Whether the input is kept anyway, so that the page may be closed. */
  kept: boolean;
  /** Replaces the default question about unsaved changes. */
  title?: string;
  children?: ComponentChildren;
  /** Discards the kept input. Without it nothing is kept, so leaving discards it. */
  discard?: () => void;
};

export function LeaveGuard({ dirty, kept, title, discard, children }: Props) {
  const { route } = useLocation();
  // A layout effect: Back, or a link, that is pressed right after typing is asked about, too.
  useLayoutEffect(() => {
    guard.on = dirty;
    if (!dirty) return;
    const here = location.href;
    const click = (event: MouseEvent): void => {
      const link = linkOf(event);
      if (!link) return;
      event.preventDefault();
      event.stopImmediatePropagation();
      const { pathname, search, hash } = link;
      leave(() => route(pathname + search + hash));
    };
    back.asked = (event) => {
      const there = location.pathname + location.search;
      if (location.href === here) return;
      event.stopImmediatePropagation();
      history.pushState(null, "", here);
      leave(() => route(there));
    };
    const close = (event: BeforeUnloadEvent): void => {
      if (!kept) event.preventDefault();
    };
    addEventListener("click", click, true);
    addEventListener("beforeunload", close);
    return () => {
      guard.on = false;
      removeEventListener("click", click, true);
      back.asked = undefined;
      removeEventListener("beforeunload", close);
    };
  }, [dirty, kept]);

  const follow = asked.value;
  const close = (): void => {
    asked.value = undefined;
  };
  const leaveBy = (before?: () => void): void => {
    guard.on = false;
    close();
    before?.();
    follow?.();
  };
  return (
    <Dialog
      title={title ?? t("leave_title")}
      open={follow !== undefined}
      onClose={close}
      foot={
        <>
          {discard ? (
            <Button kind="quiet" onClick={() => leaveBy(discard)}>
              {t("leave_discard")}
            </Button>
          ) : null}
          <Button onClick={() => leaveBy()}>{t(discard ? "leave_keep" : "leave_discard")}</Button>
          <Button kind="primary" onClick={close}>
            {t("stay")}
          </Button>
        </>
      }
    >
      <p>{children ?? t("leave_text")}</p>
    </Dialog>
  );
}
