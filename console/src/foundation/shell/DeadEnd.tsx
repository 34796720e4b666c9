import { lastEmail, signOut } from "../session/session";
import { t as common } from "../t";
import { Button, LinkButton } from "../ui/buttons";
import { EmptyState } from "../ui/parts";
import { t } from "../words.further";

export type End = "not_found" | "manager_only" | "no_program";

/** Where nothing is for this person: says why, and leads on. */
export default function DeadEnd({ end }: { end: End }) {
  const onward =
    end === "no_program" ? (
      <Button onClick={() => void signOut()}>{common("sign_out")}</Button>
    ) : (
      <LinkButton href="/">{t("to_feed")}</LinkButton>
    );
  return (
    <EmptyState whole icon={end === "not_found" ? "search" : "lock"} title={t(`end_${end}_title`)} actions={onward}>
      {t(`end_${end}_text`, { email: lastEmail.value })}
    </EmptyState>
  );
}
