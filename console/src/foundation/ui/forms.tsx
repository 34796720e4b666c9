import type { ComponentChildren } from "preact";
import { useId } from "preact/hooks";
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
