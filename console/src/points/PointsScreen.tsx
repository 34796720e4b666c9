import { PageHead } from "../foundation/ui/parts";
import { LinkButton } from "../foundation/ui/buttons";
import { useMe } from "../me/queries";
import { Ledger } from "./Ledger";
import { t } from "./words";

export default function PointsScreen() {
  const me = useMe().data;
  return (
    <>
      <PageHead
        title={t("ledger_title")}
        actions={
          me?.program.rewards ? (
            <LinkButton icon="gift" href="/rewards">
              {t("to_rewards")}
            </LinkButton>
          ) : null
        }
      >
        {me ? t(me.program.rewards ? "ledger_text" : "ledger_text_earned", me.points) : null}
      </PageHead>
      <Ledger />
    </>
  );
}
