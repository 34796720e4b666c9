/** A manager gives a member points, or takes some, for a reason; and sees what moved theirs. */
import { useState } from "preact/hooks";
import { answer, api } from "../foundation/api/client";
import { once } from "../foundation/api/idempotency";
import { queryClient } from "../foundation/api/queries";
import { fieldWords } from "../foundation/problem_words";
import { Radio, TextField } from "../foundation/ui/fields";
import { FormDialog } from "../foundation/ui/forms";
import { ErrorNote } from "../foundation/ui/parts";
import { useRequest } from "../foundation/ui/request";
import { toast } from "../foundation/ui/toasts";
import { ME } from "../me/queries";
import { Ledger } from "./Ledger";
import { LEDGER } from "./queries";
import { t } from "./words.manager";

const MAX_AMOUNT = 1_000_000;
const MAX_REASON = 300;

export default function PointsDialog({ memberId, name, onClose }: { memberId: string; name: string; onClose: () => void }) {
  const [takes, setTakes] = useState(false);
  const [amount, setAmount] = useState("");
  const [reason, setReason] = useState("");
  const [tried, setTried] = useState(false);
  const { busy, error, run } = useRequest();
  const points = Number(amount);
  const wrongAmount = !/^\d+$/.test(amount.trim()) || points < 1 || points > MAX_AMOUNT;
  const send = async (): Promise<void> => {
    setTried(true);
    if (wrongAmount || !reason.trim()) return;
    const body = { amount: takes ? -points : points, reason: reason.trim() };
    await run(async () => {
      const made = await once(`points.${memberId}.${JSON.stringify(body)}`, (key) =>
        answer(
          api.POST("/members/{member_id}/points", {
            body,
            params: { path: { member_id: memberId }, header: { "Idempotency-Key": key } },
          }),
        ),
      );
      void queryClient.invalidateQueries({ queryKey: LEDGER });
      void queryClient.invalidateQueries({ queryKey: ME });
      toast(t("adjusted_toast", { name, balance: made.balance }));
      onClose();
    });
  };
  const ofField = fieldWords(error, "amount") ?? fieldWords(error, "reason");
  return (
    <FormDialog
      title={t("adjust_title", { name })}
      onClose={onClose}
      onSubmit={send}
      submit={t(takes ? "take_points" : "give_points")}
      busy={busy}
      below={
        <>
          <h3>{t("so_far")}</h3>
          <Ledger memberId={memberId} />
        </>
      }
    >
      <fieldset>
        <legend class="visually-hidden">{t("give_or_take")}</legend>
        <Radio name="way" label={t("give_points")} checked={!takes} onChange={() => setTakes(false)} />
        <Radio name="way" label={t("take_points")} checked={takes} onChange={() => setTakes(true)} />
      </fieldset>
      <TextField
        label={t("amount")}
        inputMode="numeric"
        autocomplete="off"
        autofocus
        value={amount}
        error={tried && wrongAmount ? t("error_amount", { limit: MAX_AMOUNT }) : fieldWords(error, "amount")}
        onInput={(event) => setAmount(event.currentTarget.value)}
      />
      <TextField
        label={t("adjust_reason")}
        hint={t("adjust_reason_hint")}
        dir="auto"
        maxLength={MAX_REASON}
        value={reason}
        error={tried && !reason.trim() ? t("error_reason") : fieldWords(error, "reason")}
        onInput={(event) => setReason(event.currentTarget.value)}
      />
      {error && !ofField ? <ErrorNote error={error} /> : null}
    </FormDialog>
  );
}
