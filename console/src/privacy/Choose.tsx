import { lastEmail, signOut } from "../foundation/session/session";
import { t as common } from "../foundation/t";
import { Button } from "../foundation/ui/buttons";
import { EmptyState, ErrorState, Loading, PageHead, Skeleton } from "../foundation/ui/parts";
import { Invitations } from "./Invitations";
import css from "./privacy.module.css";
import { useInvitations } from "./queries";
import { t } from "./words";

/** Instead of every screen, for a person whom several programs have invited. */
export default function Choose() {
  const invitations = useInvitations();
  const items = invitations.data?.items ?? [];
  const leave = <Button onClick={() => void signOut()}>{common("sign_out")}</Button>;
  if (invitations.isSuccess && items.length === 0) {
    return (
      <EmptyState whole icon="lock" title={t("none_open")} actions={leave}>
        {t("none_open_text", { email: lastEmail.value })}
      </EmptyState>
    );
  }
  return (
    <div class={css.page}>
      <PageHead title={t("choose_title")}>{t("choose_text")}</PageHead>
      {invitations.isPending ? (
        <Loading>
          <Skeleton height="8rem" />
        </Loading>
      ) : null}
      {invitations.error ? <ErrorState error={invitations.error} onRetry={() => void invitations.refetch()} /> : null}
      <div class={css.section}>
        <Invitations items={items} joinable />
      </div>
      {leave}
    </div>
  );
}
