/** What came of the posts whose members let views be read, and what it cost in points. */
import { number } from "../foundation/time";
import { Button } from "../foundation/ui/buttons";
import { DisclosureTile, Tile } from "./parts";
import type { Numbers } from "./queries";
import css from "./reports.module.css";
import { t } from "./words.manager";

/** From post to views; nothing while no views are known. */
export function Views({ numbers }: { numbers: Numbers }) {
  const { counted_posts: counted, posted, points_per_thousand_views: cost } = numbers;
  if (counted === 0) return null;
  return (
    <section class={css.block} aria-labelledby="views">
      <h2 id="views">{t("views_title")}</h2>
      <p class={css.muted}>{t("views_of", { counted, posted })}</p>
      <dl class={css.tiles}>
        <Tile label={t("views")} value={number(numbers.views)} />
        <Tile label={t("likes")} value={number(numbers.likes)} />
        <Tile label={t("comments")} value={number(numbers.comments)} />
        <Tile label={t("cost")} value={cost === null ? "–" : number(cost)} />
      </dl>
      <p class={css.muted}>{t("cost_text")}</p>
    </section>
  );
}

/** A campaign's results on one page. */
export function Summary({ numbers }: { numbers: Numbers }) {
  return (
    <section class={css.block} aria-labelledby="summary">
      <h2 id="summary">{t("summary")}</h2>
      <dl class={css.tiles}>
        <Tile label={t("posts")} value={number(numbers.posted)} />
        <Tile label={t("views")} value={numbers.counted_posts > 0 ? number(numbers.views) : "–"} />
        <DisclosureTile numbers={numbers} />
        <Tile label={t("cost")} value={numbers.points_per_thousand_views === null ? "–" : number(numbers.points_per_thousand_views)} />
      </dl>
      <div class={css.tools}>
        <Button size="small" onClick={() => print()}>
          {t("print")}
        </Button>
      </div>
    </section>
  );
}
