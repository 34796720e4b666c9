/** A reward as a member sees it; `foot` is what they may do with it. */
import type { ComponentChildren } from "preact";
import { isNear, relative, dateTime, number } from "../foundation/time";
import { Icon } from "../foundation/ui/Icon";
import { Badge } from "../foundation/ui/parts";
import type { Offer } from "./queries";
import css from "./rewards.module.css";
import { t } from "./words";

const FEW = 10;

type Shown = Pick<Offer, "title" | "description" | "price" | "left" | "per_member" | "ends_at"> & { picture: string | null };

export function RewardPicture({ url }: { url: string | null }) {
  return (
    <div class={css.picture}>
      {url ? <img src={url} alt="" loading="lazy" decoding="async" /> : <Icon name="gift" size={48} />}
    </div>
  );
}

export function RewardCard({ reward, foot }: { reward: Shown; foot: ComponentChildren }) {
  const { title, description, price, left, per_member: limit, ends_at: ends } = reward;
  return (
    <article class={css.card} aria-label={title}>
      <RewardPicture url={reward.picture} />
      <div class={css.body}>
        <div class={css.head}>
          <h2 dir="auto">{title}</h2>
          <span class={css.price}>
            <Icon name="sparkle" size={16} />
            <span class="visually-hidden">{t("price", { count: price })}</span>
            <span aria-hidden="true">{number(price)}</span>
          </span>
        </div>
        {description ? (
          <p class={css.description} dir="auto">
            {description}
          </p>
        ) : null}
        <p class={css.facts}>
          {left === 0 ? <Badge>{t("sold_out")}</Badge> : null}
          {left !== null && left > 0 && left <= FEW ? <Badge tone="warning">{t("left", { count: left })}</Badge> : null}
          {limit !== null ? <span>{t("limit", { count: limit })}</span> : null}
          {ends ? <span>{t("ends", { when: isNear(ends) ? relative(ends) : dateTime(ends) })}</span> : null}
        </p>
        <div class={css.foot}>{foot}</div>
      </div>
    </article>
  );
}
