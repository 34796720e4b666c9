import { useState } from "preact/hooks";
import { asProblem } from "../foundation/api/problems";
import { copyText } from "../foundation/copy";
import { dateTime, number } from "../foundation/time";
import { Button, LinkButton } from "../foundation/ui/buttons";
import { Dialog } from "../foundation/ui/Dialog";
import { Icon } from "../foundation/ui/Icon";
import { Badge, EmptyState, ErrorNote, ErrorState, Loading, Note, PageHead, Skeleton, type Tone } from "../foundation/ui/parts";
import { useRequest } from "../foundation/ui/request";
import { toast } from "../foundation/ui/toasts";
import { useMe } from "../me/queries";
import { type Offer, type Redemption, redeem, useOffer, useOffers, useRedemptions } from "./queries";
import { RewardCard, RewardPicture } from "./RewardCard";
import css from "./rewards.module.css";
import { t } from "./words";

const CARDS = 3;

export default function RewardsScreen() {
  const offers = useOffers();
  const balance = useMe().data?.points.balance ?? 0;
  const [chosen, setChosen] = useState<Offer>();
  const items = offers.data?.items ?? [];
  return (
    <>
      <PageHead
        title={t("rewards_title")}
        actions={
          <LinkButton icon="sparkle" href="/points">
            {t("your_points")}
          </LinkButton>
        }
      >
        {t("rewards_text", { count: balance })}
      </PageHead>
      {offers.isPending ? (
        <Loading>
          <div class={css.grid}>
            {Array.from({ length: CARDS }, (_, index) => (
              <Skeleton key={index} height="18rem" />
            ))}
          </div>
        </Loading>
      ) : offers.error && items.length === 0 ? (
        <ErrorState error={offers.error} onRetry={() => void offers.refetch()} />
      ) : items.length === 0 ? (
        <EmptyState icon="gift" title={t("none_title")}>
          {t("none_text")}
        </EmptyState>
      ) : (
        <div class={css.grid}>
          {items.map((offer) => (
            <RewardCard
              key={offer.reward_id}
              reward={{ ...offer, picture: offer.picture?.url ?? null }}
              foot={<Affordable offer={offer} balance={balance} onRedeem={() => setChosen(offer)} />}
            />
          ))}
        </div>
      )}
      <Requests />
      {chosen ? <RedeemDialog offer={chosen} balance={balance} onClose={() => setChosen(undefined)} /> : null}
    </>
  );
}

/** A reward's action: redeem it, or see how many points are missing. */
export function Affordable({ offer, balance, onRedeem }: { offer: Pick<Offer, "price" | "left" | "title">; balance: number; onRedeem: () => void }) {
  const missing = offer.price - balance;
  if (offer.left === 0) {
    return (
      <Button wide disabled>
        {t("sold_out")}
      </Button>
    );
  }
  if (missing > 0) {
    return (
      <div class={css.missing}>
        <progress max={offer.price} value={Math.max(balance, 0)} aria-label={t("so_far")} />
        <p>{t("missing", { count: missing })}</p>
      </div>
    );
  }
  return (
    <Button kind="primary" wide icon="gift" aria-label={t("redeem_label", { title: offer.title })} onClick={onRedeem}>
      {t("redeem")}
    </Button>
  );
}

/** The price changes only in answer to a tap: one that is swapped under the finger would be paid unseen. */
function RedeemDialog({ offer, balance, onClose }: { offer: Offer; balance: number; onClose: () => void }) {
  const standing = useOffer(offer.reward_id);
  const [price, setPrice] = useState(offer.price);
  const { busy, error, run } = useRequest();
  const now = standing.data ?? offer;
  const spendable = standing.data?.balance ?? balance;
  const full = standing.data?.per_member != null && standing.data.taken >= standing.data.per_member;
  const send = (): Promise<void> =>
    run(async () => {
      try {
        await redeem({ reward_id: offer.reward_id, price });
        toast(t("redeemed_toast", { title: now.title }));
        onClose();
      } catch (caught) {
        const { data } = await standing.refetch();
        // After a lost answer the same request goes out again, so it keeps its price.
        if (data && asProblem(caught).code === "reward_changed") setPrice(data.price);
        throw caught;
      }
    });
  return (
    <Dialog
      title={t("redeem_title", { title: now.title })}
      open
      onClose={onClose}
      foot={
        <>
          <Button onClick={onClose}>{t("not_now")}</Button>
          <Button kind="primary" icon="gift" busy={busy} disabled={full || price > spendable} onClick={() => void send()}>
            {t("redeem_for", { count: price })}
          </Button>
        </>
      }
    >
      <div class={css.asking}>
        <RewardPicture url={now.picture?.url ?? null} />
        {now.description ? (
          <p dir="auto" class={css.whole}>
            {now.description}
          </p>
        ) : null}
        <dl class={css.sums}>
          <div>
            <dt>{t("you_have")}</dt>
            <dd>{number(spendable)}</dd>
          </div>
          <div>
            <dt>{t("it_costs")}</dt>
            <dd>−{number(price)}</dd>
          </div>
          <div>
            <dt>{t("you_keep")}</dt>
            <dd>{number(spendable - price)}</dd>
          </div>
        </dl>
        <p class={css.muted}>{t("redeem_text")}</p>
        {full ? <Note tone="warning">{t("limit_reached")}</Note> : null}
        {error ? <ErrorNote error={error} /> : null}
      </div>
    </Dialog>
  );
}

export const TONES: Record<Redemption["status"], Tone> = { requested: "honour", fulfilled: "good", rejected: "bad" };

function Requests() {
  const list = useRedemptions();
  const items = list.data?.pages.flatMap((page) => page.items) ?? [];
  if (list.isPending || (items.length === 0 && !list.error)) return null;
  return (
    <section class={css.requests} aria-label={t("requests")}>
      <h2>{t("requests")}</h2>
      {list.error && items.length === 0 ? <ErrorNote error={list.error} /> : null}
      <ul>
        {items.map((each) => (
          <Request key={each.redemption_id} redemption={each} />
        ))}
      </ul>
      {list.hasNextPage ? (
        <Button busy={list.isFetchingNextPage} onClick={() => void list.fetchNextPage()}>
          {t("show_more")}
        </Button>
      ) : null}
    </section>
  );
}

function Request({ redemption }: { redemption: Redemption }) {
  const { title, price, status, requested_at: asked, note, code, reason } = redemption;
  const copy = async (text: string): Promise<void> => {
    toast((await copyText(text)) ? t("code_copied") : t("code_refused"));
  };
  return (
    <li class={css.request}>
      <div class={css.requestHead}>
        <div>
          <h3 dir="auto">{title}</h3>
          <p class={css.muted}>{t("asked_at", { when: dateTime(asked), count: price })}</p>
        </div>
        <Badge tone={TONES[status]}>{t(`status_${status}`)}</Badge>
      </div>
      {code ? (
        <button type="button" class={css.code} onClick={() => void copy(code)} title={t("copy_code")} aria-label={`${t("copy_code")}: ${code}`}>
          <bdi>{code}</bdi>
          <Icon name="copy" size={16} />
        </button>
      ) : null}
      {note ? (
        <p dir="auto" class={css.whole}>
          {note}
        </p>
      ) : null}
      {reason ? (
        <Note>
          <p dir="auto">{reason}</p>
          <p>{t("refunded", { count: price })}</p>
        </Note>
      ) : null}
    </li>
  );
}
