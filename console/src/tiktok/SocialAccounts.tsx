import { useState } from "preact/hooks";
import { queryClient } from "../foundation/api/queries";
import { longDate } from "../foundation/calendar";
import { later } from "../foundation/later";
import { Button } from "../foundation/ui/buttons";
import { Icon } from "../foundation/ui/Icon";
import { ErrorNote, Loading, Note, Skeleton } from "../foundation/ui/parts";
import { useRequest } from "../foundation/ui/request";
import { toast } from "../foundation/ui/toasts";
import { ME } from "../me/queries";
import { leaveForTikTok } from "./leave";
import { ACCOUNT, beginToConnect, disconnect, useAccount } from "./queries";
import css from "./tiktok.module.css";
import { t } from "./words";

// Fetched once the account is seen, before anybody can press.
const OfAccount = later(() => import("./OfAccount"));

/** My Social Accounts: to add, connect again, disconnect, and what Greenroom may do there. */
export function SocialAccounts() {
  const account = useAccount();
  const { busy, error, run } = useRequest();
  const [asking, setAsking] = useState(false);

  const connect = () => run(async () => leaveForTikTok(await beginToConnect()));
  const leave = () =>
    run(async () => {
      await disconnect();
      setAsking(false);
      toast(t("disconnected"));
      for (const queryKey of [ACCOUNT, ME, ["feed"], ["performances"]]) void queryClient.invalidateQueries({ queryKey });
    });

  if (account.isPending) {
    return (
      <Loading>
        <Skeleton height="3.5rem" />
      </Loading>
    );
  }
  const data = account.data;
  const broken = data?.status === "reconnect_required";
  return (
    <div class={css.accounts}>
      {error || account.error ? <ErrorNote error={error ?? account.error} /> : null}
      <div class={css.account}>
        <span class={css.logo}>
          <Icon name="note" size={22} />
        </span>
        <div class={css.words}>
          <strong>{data ? <bdi>{data.display_name}</bdi> : t("network")}</strong>
          <span>{data ? (broken ? t("network") : t("connected_since", { when: longDate(data.connected_at) })) : t("none")}</span>
        </div>
        {data ? (
          <Button kind="quiet" size="small" onClick={() => setAsking(true)}>
            {t("disconnect")}
          </Button>
        ) : (
          <Button kind="primary" size="small" icon="plus" busy={busy} aria-label={t("add_label")} onClick={() => void connect()}>
            {busy ? t("leaving") : t("add")}
          </Button>
        )}
      </div>
      {broken ? (
        <Note tone="warning">
          <p>{t("reconnect_required")}</p>
          <div>
            <Button size="small" kind="primary" busy={busy} onClick={() => void connect()}>
              {t("reconnect")}
            </Button>
          </div>
        </Note>
      ) : null}
      <div class={css.rights}>
        <div>
          <h3>{t("may_title")}</h3>
          <ul class={css.may}>
            <Right icon="check">{t("may_name")}</Right>
            <Right icon="check">{t("may_stage")}</Right>
          </ul>
        </div>
        <div>
          <h3>{t("cannot_title")}</h3>
          <ul class={css.cannot}>
            <Right icon="close">{t("cannot_post")}</Right>
            <Right icon="close">{t("cannot_read")}</Right>
          </ul>
        </div>
      </div>
      {data || asking ? (
        <OfAccount account={data} open={asking} busy={busy} error={error} onClose={() => setAsking(false)} onConfirm={() => void leave()} />
      ) : null}
    </div>
  );
}

function Right({ icon, children }: { icon: "check" | "close"; children: string }) {
  return (
    <li>
      <Icon name={icon} size={18} />
      {children}
    </li>
  );
}
