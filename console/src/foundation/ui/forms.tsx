import type { ComponentChildren } from "preact";
import { useId, useLayoutEffect, useRef, useState } from "preact/hooks";
import { t } from "../t";
import { Button } from "./buttons";
import { Dialog } from "./Dialog";
import css from "./forms.module.css";
import type { IconName } from "./Icon";

type FormDialogProps = {
  title: string;
  onClose: () => void;
  onSubmit: () => Promise<void>;
  submit: string;
  icon?: IconName;
  dangerous?: boolean;
  busy: boolean;
  children: ComponentChildren;
  /** What belongs to the form without being a part of it. */
  below?: ComponentChildren;
};

/** A form in a dialog: cancelled, or sent by its button or Enter. */
export function FormDialog({ title, onClose, onSubmit, submit, icon, dangerous, busy, children, below }: FormDialogProps) {
  const id = useId();
  return (
    <Dialog
      title={title}
      open
      onClose={onClose}
      foot={
        <>
          <Button onClick={onClose}>{t("cancel")}</Button>
          <Button kind={dangerous ? "danger" : "primary"} type="submit" form={id} busy={busy} {...(icon ? { icon } : {})}>
            {submit}
          </Button>
        </>
      }
    >
      <form
        id={id}
        class={css.form}
        noValidate
        onSubmit={(event) => {
          event.preventDefault();
          void onSubmit();
        }}
      >
        {children}
      </form>
      {below}
    </Dialog>
  );
}

/** Has files that are dropped anywhere on the page taken; answers whether one is held above it. */
export function useFileDrop(onFiles: (files: File[], event: DragEvent) => void): boolean {
  const [above, setAbove] = useState(false);
  const take = useRef(onFiles);
  take.current = onFiles;
  // A layout effect: until it has run the browser would open a dropped file instead.
  useLayoutEffect(() => {
    let depth = 0;
    const listen = (type: "dragenter" | "dragleave" | "dragover" | "drop", hear: (event: DragEvent) => void) => {
      const heard = (event: DragEvent): void => {
        if (event.dataTransfer?.types.includes("Files")) hear(event);
        setAbove(depth > 0);
      };
      addEventListener(type, heard);
      return () => removeEventListener(type, heard);
    };
    const off = [
      listen("dragenter", () => {
        depth += 1;
      }),
      listen("dragleave", () => {
        depth = Math.max(0, depth - 1);
      }),
      listen("dragover", (event) => event.preventDefault()),
      listen("drop", (event) => {
        depth = 0;
        event.preventDefault();
        take.current([...(event.dataTransfer?.files ?? [])], event);
      }),
    ];
    return () => {
      for (const each of off) each();
    };
  }, []);
  return above;
}
