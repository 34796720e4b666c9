import { Confirm } from "../foundation/ui/Dialog";
import { t } from "./words";

type Props = { open: boolean; busy: boolean; onClose: () => void; onConfirm: () => void };

export default function ConfirmDisconnect(props: Props) {
  return (
    <Confirm title={t("disconnect_title")} confirm={t("disconnect")} dangerous {...props}>
      <p>{t("disconnect_text")}</p>
    </Confirm>
  );
}
