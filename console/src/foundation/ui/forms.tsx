import type { ComponentChildren } from "preact";
import { useId, useLayoutEffect, useRef, useState } from "preact/hooks";
import { t } from "../t";
import { t as managers } from "../words.manager";
import { Button } from "./buttons";
import { Dialog } from "./Dialog";
import css from "./forms.module.css";
import type { IconName } from "./Icon";
import { toast } from "./toasts";

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

const isForText = ({ target }: Event): boolean => target instanceof Element && target.closest("input, textarea") !== null;

/**
 * Has files that are dropped anywhere on the page taken; answers whether one is held above it. Text is
 * taken by fields alone: elsewhere a link would be opened in place of what is being typed.
 */
export function useFileDrop(onFiles: (files: File[], event: DragEvent) => void): boolean {
  const [above, setAbove] = useState(false);
  const take = useRef(onFiles);
  take.current = onFiles;
  // A layout effect: until it has run the browser would open a dropped file instead.
  useLayoutEffect(() => {
    let depth = 0;
    const refuse = (event: DragEvent): void => {
      if (event.type === "dragover" || event.type === "drop") event.preventDefault();
      if (event.type === "drop") toast(managers("no_file"));
      // As a copy: moved text would be gone from where it was.
      else if (event.dataTransfer) event.dataTransfer.dropEffect = "copy";
    };
    const listen = (type: "dragenter" | "dragleave" | "dragover" | "drop", hear: (event: DragEvent) => void) => {
      const heard = (event: DragEvent): void => {
        if (event.dataTransfer?.types.includes("Files")) hear(event);
        else if (!isForText(event)) refuse(event);
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
