import type { ComponentChildren } from "preact";
import { useId, useLayoutEffect, useRef } from "preact/hooks";
import { back } from "../back";
import { t } from "../t";
import { Button, IconButton } from "./buttons";
import css from "./dialog.module.css";
import { Toasts } from "./toasts";

type DialogProps = {
  title: string;
  open: boolean;
  onClose: () => void;
  children: ComponentChildren;
  foot?: ComponentChildren;
  /** Cannot be put away by Escape or a press beside it. */
  firm?: boolean;
};

/**
 * The browser's own modal dialog: it keeps the focus inside and gives it back. Once something is
 * typed in it, only its buttons close it: Escape, Back and a press beside it lead to the first one.
 */
export function Dialog({ title, open, onClose, children, foot, firm }: DialogProps) {
  const dialog = useRef<HTMLDialogElement>(null);
  const heading = useId();
  const typed = useRef(false);
  const pressedBeside = useRef(false);
  const isHeld = (): boolean => {
    if (typed.current) dialog.current?.querySelector("button")?.focus();
    return typed.current;
  };
  const dismiss = (): void => {
    if (!firm && !isHeld()) onClose();
  };
  // A layout effect: a dialog that is rendered is one that is seen and takes the keys.
  useLayoutEffect(() => {
    const element = dialog.current;
    if (!open || !element) return undefined;
    const opener = document.activeElement;
    if (!element.open) element.showModal();
    typed.current = false;
    const here = location.href;
    const { asked } = back;
    const stay = (event: PopStateEvent): void => {
      if (!isHeld()) return asked?.(event);
      event.stopImmediatePropagation();
      history.pushState(null, "", here);
    };
    back.asked = stay;
    return () => {
      if (back.asked === stay) back.asked = asked;
      // The browser gives the focus back when a dialog is closed, not when it is taken away; and
      // until then everything outside of it takes none.
      element.close();
      if (opener instanceof HTMLElement && opener.isConnected) opener.focus();
    };
  }, [open]);
  if (!open) return null;
  return (
    <dialog
      ref={dialog}
      class={css.dialog}
      aria-labelledby={heading}
      onCancel={(event) => {
        event.preventDefault();
        dismiss();
      }}
      onClose={({ currentTarget }) => {
        // The browser reports late that a dialog was closed while being taken away; by then another
        // one may be open in its place, which that report must not close.
        if (!currentTarget.isConnected) return;
        // Chromium closes on a second Escape whatever `cancel` says; that is for the owner to decide.
        currentTarget.showModal();
        dismiss();
      }}
      onInput={(event) => {
        // Ticking and choosing are no input events of text.
        if (event instanceof InputEvent) typed.current = true;
      }}
      onPointerDown={({ target }) => {
        pressedBeside.current = target === dialog.current;
      }}
      onClick={({ target }) => {
        // Text that is selected and let go of beside the dialog is a click on it, too.
        if (target === dialog.current && pressedBeside.current) dismiss();
      }}
    >
      <div class={css.dialogHead}>
        <h2 id={heading} tabIndex={-1}>
          {title}
        </h2>
        {firm ? null : <IconButton icon="close" label={t("close")} onClick={onClose} />}
      </div>
      <div class={css.dialogBody}>{children}</div>
      {foot ? <div class={css.dialogFoot}>{foot}</div> : null}
      <Toasts />
    </dialog>
  );
}

type ConfirmProps = {
  title: string;
  open: boolean;
  onClose: () => void;
  onConfirm: () => void;
  confirm: string;
  dangerous?: boolean;
  busy?: boolean;
  children: ComponentChildren;
};

/** Asks before something that cannot be taken back; says in words what it does. */
export function Confirm({ title, open, onClose, onConfirm, confirm, dangerous, busy, children }: ConfirmProps) {
  return (
    <Dialog
      title={title}
      open={open}
      onClose={onClose}
      foot={
        <>
          <Button kind="secondary" onClick={onClose}>
            {t("cancel")}
          </Button>
          <Button kind={dangerous ? "danger" : "primary"} busy={busy ?? false} onClick={onConfirm}>
            {confirm}
          </Button>
        </>
      }
    >
      {children}
    </Dialog>
  );
}
