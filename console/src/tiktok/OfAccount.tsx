/** A connected account's section: permission to read views, and the confirmation before disconnecting. */
import { later } from "../foundation/later";
import { Confirm } from "../foundation/ui/Dialog";
import { ErrorNote } from "../foundation/ui/parts";
import type { Account } from "./queries";
import { t } from "./words";

const Views = later(async () => (await import("./views_entry")).consent());

type Props = {
  account: Account | null | undefined;
  open: boolean;
  busy: boolean;
  error: unknown;
  onClose: () => void;
  onConfirm: () => void;
};

export default function OfAccount({ account, error, ...question }: Props) {
  return (
    <>
      {account?.views_offered || account?.views_since ? <Views /> : null}
      <Confirm title={t("disconnect_title")} confirm={t("disconnect")} dangerous {...question}>
        <p>{t("disconnect_text")}</p>
        {error ? <ErrorNote error={error} /> : null}
      </Confirm>
    </>
  );
}
