import { Confirm } from "../foundation/ui/Dialog";
import { ErrorNote } from "../foundation/ui/parts";
import { t } from "./words";

type Props = { open: boolean; busy: boolean; error: unknown; onClose: () => void; onConfirm: () => void };

export default function ConfirmDisconnect({ error, ...props }: Props) {
  return (
    <Confirm title={t("disconnect_title")} confirm={t("disconnect")} dangerous {...props}>
      <p>{t("disconnect_text")}</p>
      {error ? <ErrorNote error={error} /> : null}
    </Confirm>
  );
}
