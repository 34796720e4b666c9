import { useLocation } from "preact-iso";
import { t as common } from "../foundation/t";
import { number } from "../foundation/time";
import { LinkButton } from "../foundation/ui/buttons";
import { type Column, Table } from "../foundation/ui/data";
import { Icon } from "../foundation/ui/Icon";
import { Menu } from "../foundation/ui/Menu";
import { Filters, List } from "../foundation/ui/pages";
import { Badge, EmptyState, Note, PageHead } from "../foundation/ui/parts";
import { Segments } from "../foundation/ui/Segments";
import { toast } from "../foundation/ui/toasts";
import { toastProblem } from "../foundation/ui/toast_problem";
import { useProgram } from "../programs/manager_queries";
import manage from "../programs/manage.module.css";
import { LOOKS } from "./looks";
import { changeReward, type RewardView, useRewards, useWaiting } from "./manager_queries";
import css from "./rewards.module.css";
import { t } from "./words.manager";

export default function ManageRewardsScreen() {
  const { query, route } = useLocation();
  const archived = query.archived !== undefined;
  const list = useRewards(archived);
  const waiting = useWaiting();
  const rewards = list.data?.pages.flatMap((page) => page.items) ?? [];
  return (
    <>
      <PageHead
        title={t("rewards_title")}
        actions={
          <span class={manage.actions}>
            <LinkButton icon="inbox" href="/manage/redemptions">
              {waiting ? t("requests_waiting", { count: waiting }) : t("requests")}
            </LinkButton>
            <LinkButton kind="primary" icon="plus" href="/manage/rewards/new">
              {t("new_reward")}
            </LinkButton>
          </span>
        }
      >
        {t("rewards_text")}
      </PageHead>
      <NobodyFulfils />
      <Filters>
        <Segments
          label={t("which_rewards")}
          value={archived ? "archived" : "current"}
          options={[
            { value: "current", label: t("current") },
            { value: "archived", label: t("archived") },
          ]}
          onChange={(value) => route(value === "archived" ? "/manage/rewards?archived=" : "/manage/rewards", true)}
        />
      </Filters>
      <List
        list={list}
        count={rewards.length}
        row="4rem"
        empty={
          <EmptyState icon="gift" title={t(archived ? "none_archived" : "no_rewards")}>
            {t(archived ? "none_archived_text" : "no_rewards_text")}
          </EmptyState>
        }
      >
        <RewardTable rewards={rewards} />
      </List>
    </>
  );
}

/** Once all who were named to see to requests are gone, somebody has to know. */
export function NobodyFulfils() {
  const program = useProgram().data;
  if (!program?.nobody_fulfils) return null;
  return (
    <div class={css.notes}>
      <Note tone="warning">
        {t("nobody_fulfils")} <a href="/manage/program#fulfillers">{t("name_somebody")}</a>
      </Note>
    </div>
  );
}

function RewardTable({ rewards }: { rewards: RewardView[] }) {
  const turn = (reward: RewardView, state: RewardView["state"]) => (): void => {
    changeReward(reward.reward_id, { version: reward.version, state }).then(
      () => toast(t(state === "archived" ? "archived_toast" : "offered_toast", { title: reward.title })),
      (caught: unknown) => toastProblem(caught),
    );
  };
  const columns: Column<RewardView>[] = [
    {
      label: t("col_reward"),
      cell: ({ reward_id: id, title, picture, price }) => (
        <span class={css.named}>
          <span class={css.thumb}>{picture ? <img src={picture.url} alt="" loading="lazy" /> : <Icon name="gift" />}</span>
          <span class={css.titled}>
            <a class={manage.name} href={`/manage/rewards/${id}`}>
              <bdi>{title}</bdi>
            </a>
            <span class={css.narrowOnly}>{common("points_amount", { count: price })}</span>
          </span>
        </span>
      ),
    },
    { label: t("price"), numeric: true, wide: true, cell: ({ price }) => number(price) },
    {
      label: t("col_stock"),
      wide: true,
      cell: ({ stock, taken }) => (stock === null ? t("unlimited") : t("taken_of", { taken, stock })),
    },
    { label: t("col_status"), cell: ({ status }) => <Badge tone={LOOKS[status]}>{t(`status_${status}`)}</Badge> },
    {
      label: t("col_actions"),
      hidden: true,
      narrow: true,
      cell: (reward) => (
        <Menu
          label={t("actions_of", { title: reward.title })}
          items={[
            { label: t("edit"), icon: "edit", href: `/manage/rewards/${reward.reward_id}` },
            reward.state === "active"
              ? { label: t("archive"), icon: "archive", onSelect: turn(reward, "archived") }
              : { label: t("offer"), icon: "gift", onSelect: turn(reward, "active") },
          ]}
        >
          <Icon name="more" />
        </Menu>
      ),
    },
  ];
  return <Table caption={t("rewards_title")} columns={columns} rows={rewards} rowKey={({ reward_id }) => reward_id} />;
}
