import { useState } from "preact/hooks";
import { queryClient } from "../foundation/api/queries";
import { longDate } from "../foundation/calendar";
import { Button } from "../foundation/ui/buttons";
import { toast } from "../foundation/ui/toasts";
import { toastProblem } from "../foundation/ui/toast_problem";
import css from "./privacy.module.css";
import { accept, decline, INVITATIONS, type Invitation } from "./queries";
import { t } from "./words";

/** Open invitations; `joinable` while the person belongs to no program. */
export function Invitations({ items, joinable }: { items: Invitation[]; joinable: boolean }) {
  return (
    <ul class={css.list}>
      {items.map((each) => (
        <Row key={each.program_id} invitation={each} joinable={joinable} />
      ))}
    </ul>
  );
}

function Row({ invitation, joinable }: { invitation: Invitation; joinable: boolean }) {
  const [busy, setBusy] = useState<"join" | "decline">();
  const program = invitation.program_name;
  const act = async (what: "join" | "decline"): Promise<void> => {
    setBusy(what);
    try {
      if (what === "join") return await accept(invitation);
      await decline(invitation);
      toast(t("declined", { program }));
    } catch (error) {
      toastProblem(error);
    }
    setBusy(undefined);
    await queryClient.invalidateQueries({ queryKey: INVITATIONS });
  };
  return (
    <li class={css.row}>
      <div>
        <strong>
          <bdi>{program}</bdi>
        </strong>
        <span class={css.text}>
          {t("invited", { when: longDate(invitation.invited_at) })}. {invitation.role === "manager" ? `${t("as_manager")} ` : null}
          {invitation.left_before ? t("left_before") : null}
        </span>
      </div>
      <div class={css.buttons}>
        <Button
          size="small"
          kind="quiet"
          busy={busy === "decline"}
          disabled={Boolean(busy)}
          aria-label={t("decline_label", { program })}
          onClick={() => void act("decline")}
        >
          {t("decline")}
        </Button>
        {joinable ? (
          <Button
            size="small"
            kind="primary"
            busy={busy === "join"}
            disabled={Boolean(busy)}
            aria-label={t("join_label", { program })}
            onClick={() => void act("join")}
          >
            {t("join")}
          </Button>
        ) : null}
      </div>
    </li>
  );
}
