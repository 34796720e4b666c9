import { useQuery } from "@tanstack/preact-query";
import { useLocation } from "preact-iso";
import { api, answer, type Schemas } from "../foundation/api/client";
import { asProblem } from "../foundation/api/problems";
import { calendarDay, zoneName } from "../foundation/calendar";
import { dateTime, number } from "../foundation/time";
import { LinkButton } from "../foundation/ui/buttons";
import { Avatar, EmptyState, ErrorState, Loading, PageHead, Skeleton } from "../foundation/ui/parts";
import { Segments } from "../foundation/ui/Segments";
import css from "./leaderboard.module.css";
import { t } from "./words";

type Board = Schemas["LeaderboardView"];
type Place = Schemas["PlaceView"];
type Period = Schemas["Period"];

const PERIODS: Period[] = ["week", "month", "quarter", "year", "all_time"];
const REFRESH_MS = 60_000; // the snapshot is at most this old

function useBoard(period: Period) {
  return useQuery({
    queryKey: ["leaderboard", period],
    queryFn: () => answer(api.GET("/leaderboard", { params: { query: { period } } })),
    refetchInterval: REFRESH_MS,
  });
}

export default function LeaderboardScreen() {
  const { query, route } = useLocation();
  const period = PERIODS.find((each) => each === query.period) ?? "month";
  const board = useBoard(period);
  if (board.error && asProblem(board.error).code === "leaderboard_off") {
    return (
      <>
        <PageHead title={t("title")} />
        <EmptyState icon="leaderboard" title={t("off_title")}>
          {t("off_text")}
        </EmptyState>
      </>
    );
  }
  return (
    <div class={css.page}>
      <PageHead title={t("title")}>{board.data ? days(board.data) : null}</PageHead>
      <Segments
        label={t("period")}
        value={period}
        options={PERIODS.map((value) => ({ value, label: t(`period_${value}`) }))}
        onChange={(value) => route(`/leaderboard?period=${value}`, true)}
      />
      {board.data ? <Standing board={board.data} /> : null}
      {board.isPending ? (
        <Loading>
          <div class={css.standing}>
            <Skeleton height="14rem" />
            <Skeleton height="3rem" />
            <Skeleton height="3rem" />
            <Skeleton height="3rem" />
          </div>
        </Loading>
      ) : null}
      {board.error && !board.data ? <ErrorState error={board.error} onRetry={() => void board.refetch()} /> : null}
    </div>
  );
}

function days(board: Board): string {
  if (!board.first_day || !board.last_day) return t("days_all");
  return t("days", {
    first: calendarDay(board.first_day),
    last: calendarDay(board.last_day),
    zone: zoneName(board.time_zone),
  });
}

function Standing({ board }: { board: Board }) {
  if (board.items.length === 0) {
    return (
      <EmptyState icon="leaderboard" title={t("empty_title")} actions={<LinkButton kind="primary" href="/">{t("to_feed")}</LinkButton>}>
        {t("empty_text")}
      </EmptyState>
    );
  }
  // With few places the podium says it all; the list goes on behind it.
  const rest = board.items.filter((place) => !board.podium.includes(place) && place.rank > 3);
  const mineShown = board.items.some((place) => place.is_me);
  return (
    <div class={css.standing}>
      <Podium places={board.podium} />
      {board.me ? <Own me={board.me} listed={mineShown} /> : null}
      {rest.length > 0 ? <Places label={t("all_places")} places={rest} /> : null}
      <p class={css.asOf}>
        {t("counted", { count: board.members })} · {t("as_of", { when: dateTime(board.as_of) })}
      </p>
    </div>
  );
}

const nameOf = ({ name }: Place): string => name ?? t("no_name");
/** Members with an alias have no id here: aliases are unique. */
const idOf = (place: Place): string => place.member_id ?? place.name ?? "";

const MOST_ON_PODIUM = 6;

function Podium({ places }: { places: Place[] }) {
  // Shared ranks may put many on it: then they stand in rows.
  const few = places.length <= 3;
  const shown = places.slice(0, MOST_ON_PODIUM);
  return (
    <ol class={few ? css.podium : `${css.podium} ${css.crowd}`} aria-label={t("podium")}>
      {shown.map((place, at) => (
        <li key={idOf(place) || at} class={css[`rank${place.rank}`]}>
          <div class={css.person}>
            <span class={css.medal}>
              <Avatar name={nameOf(place)} id={idOf(place)} size={few && place.rank === 1 ? "5rem" : "4rem"} />
              <span class={css.medalRank} aria-hidden="true">
                {place.rank}
              </span>
            </span>
            <span class="visually-hidden">
              {t("place_words", { rank: place.rank, name: nameOf(place), points: t("points", { count: place.points }) })}
              {place.is_alias ? ` (${t("alias")})` : ""}
              {place.is_me ? ` (${t("you")})` : ""}
            </span>
            <strong aria-hidden="true" title={nameOf(place)}>
              <bdi>{nameOf(place)}</bdi>
            </strong>
            {place.is_alias ? (
              <span class={css.alias} aria-hidden="true">
                {t("alias")}
              </span>
            ) : null}
            <span class={css.podiumPoints} aria-hidden="true">
              {place.is_me ? `${t("you")} · ` : ""}
              {number(place.points)}
            </span>
          </div>
          {few ? <div class={css.block} aria-hidden="true" /> : null}
        </li>
      ))}
    </ol>
  );
}

function Own({ me, listed }: { me: NonNullable<Board["me"]>; listed: boolean }) {
  return (
    <section class={css.own} aria-label={t("your_place")}>
      <div class={css.ownPlace}>
        <span>{t("your_place")}</span>
        <strong>{me.points > 0 ? number(me.rank) : "–"}</strong>
        <span>{t("points", { count: me.points })}</span>
      </div>
      {me.points === 0 ? <p>{t("no_points_yet")}</p> : null}
      {!listed && me.around.length > 1 ? <Places label={t("your_neighbours")} places={me.around} /> : null}
    </section>
  );
}

function Places({ label, places }: { label: string; places: Place[] }) {
  return (
    <table class={css.places}>
      <caption class="visually-hidden">{label}</caption>
      <thead class="visually-hidden">
        <tr>
          <th scope="col">{t("rank")}</th>
          <th scope="col">{t("member")}</th>
          <th scope="col">{t("points_head")}</th>
        </tr>
      </thead>
      <tbody>
        {places.map((place, at) => (
          <tr key={idOf(place) || at} class={place.is_me ? css.mine : undefined}>
            <td class={css.rank}>{number(place.rank)}</td>
            <td>
              <span class={css.who}>
                <Avatar name={nameOf(place)} id={idOf(place)} size="2rem" />
                <bdi>{nameOf(place)}</bdi>
                {place.is_alias ? <span class={css.alias}>{t("alias")}</span> : null}
                {place.is_me ? <span class={css.you}>{t("you")}</span> : null}
              </span>
            </td>
            <td class={css.amount}>{number(place.points)}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}
