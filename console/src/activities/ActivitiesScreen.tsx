import { useLocation } from "preact-iso";
import { number } from "../foundation/time";
import { Button, LinkButton } from "../foundation/ui/buttons";
import { type Column, Table } from "../foundation/ui/data";
import { Select } from "../foundation/ui/fields";
import { Icon } from "../foundation/ui/Icon";
import { Menu } from "../foundation/ui/Menu";
import { Filters, List } from "../foundation/ui/pages";
import { Badge, EmptyState, PageHead } from "../foundation/ui/parts";
import { Segments } from "../foundation/ui/Segments";
import { useManagedCampaigns, useManagedChannels } from "../programs/manager_queries";
import Drafts from "./Drafts";
import css from "./editor.module.css";
import type { ActivityView } from "./form";
import { type Lifecycle, useLifecycle } from "./lifecycle";
import { useActivities, useTotals } from "./manager_queries";
import { Status, windowWords } from "./status";
import { Thumb } from "./Thumb";
import { t } from "./words.manager";

export default function ActivitiesScreen() {
  const { query, route, path } = useLocation();
  const campaign = query.campaign ?? "";
  const archived = query.archived !== undefined;
  const campaigns = useManagedCampaigns().data ?? [];
  const list = useActivities({ campaign, archived });
  const { items, dialog } = useLifecycle();
  const activities = list.data?.pages.flatMap((page) => page.items) ?? [];
  /** In the address, so that Back, a reload and a link to somebody else show the same. */
  const filter = (changed: { campaign?: string; archived?: boolean }): void => {
    const wanted = { campaign, archived, ...changed };
    const search = new URLSearchParams();
    if (wanted.campaign) search.set("campaign", wanted.campaign);
    if (wanted.archived) search.set("archived", "");
    route(search.size > 0 ? `${path}?${search.toString()}` : path, true);
  };
  return (
    <>
      <PageHead
        title={t("activities_title")}
        actions={
          <LinkButton kind="primary" icon="plus" href="/manage/activities/new">
            {t("new_activity")}
          </LinkButton>
        }
      >
        {t("activities_text")}
      </PageHead>
      {archived || campaign ? null : <Drafts />}
      <Filters>
        <Segments
          label={t("which")}
          value={archived ? "archived" : "current"}
          options={[
            { value: "current", label: t("current") },
            { value: "archived", label: t("archived") },
          ]}
          onChange={(value) => filter({ archived: value === "archived" })}
        />
        {campaigns.length > 0 ? (
          <Select label={t("campaign")} value={campaign} onChange={(event) => filter({ campaign: event.currentTarget.value })}>
            <option value="">{t("all_campaigns")}</option>
            {campaigns.map((each) => (
              <option key={each.campaign_id} value={each.campaign_id}>
                {each.name}
              </option>
            ))}
          </Select>
        ) : null}
      </Filters>
      <List
        list={list}
        count={activities.length}
        row="4.25rem"
        empty={<Nothing filtered={Boolean(campaign) || archived} onAll={() => filter({ campaign: "", archived: false })} />}
      >
        <ActivityTable activities={activities} items={items} />
      </List>
      {dialog}
    </>
  );
}

function Nothing({ filtered, onAll }: { filtered: boolean; onAll: () => void }) {
  if (filtered) {
    return (
      <EmptyState icon="search" title={t("nothing_found")} actions={<Button onClick={onAll}>{t("show_all")}</Button>}>
        {t("nothing_found_text")}
      </EmptyState>
    );
  }
  return (
    <EmptyState
      icon="activities"
      title={t("no_activities")}
      actions={
        <LinkButton kind="primary" icon="plus" href="/manage/activities/new">
          {t("new_activity")}
        </LinkButton>
      }
    >
      {t("no_activities_text")}
    </EmptyState>
  );
}

type TableProps = { activities: ActivityView[]; items: Lifecycle["items"] };

/** The dialog of `useLifecycle` stands beside it: the table is gone once its last row is. */
export function ActivityTable({ activities, items }: TableProps) {
  const channels = useManagedChannels().data ?? [];
  const campaigns = useManagedCampaigns().data ?? [];
  const totals = useTotals(activities.map((each) => each.activity_id)).data;
  const count = (id: string, name: "sent" | "staged" | "posted"): string => {
    const counted = totals?.get(id);
    return counted ? number(counted[name]) : "";
  };
  const audience = ({ channel_ids }: ActivityView): string => {
    const [first, ...others] = channel_ids.map((id) => channels.find((each) => each.channel_id === id)?.name ?? "…");
    if (first === undefined) return t("everybody");
    return others.length > 0 ? t("and_more", { name: first, count: others.length }) : first;
  };
  const columns: Column<ActivityView>[] = [
    { label: t("col_video"), hidden: true, narrow: true, cell: ({ video }) => <Thumb video={video} /> },
    {
      label: t("col_activity"),
      cell: (activity) => (
        <div class={css.titleCell}>
          <a class={css.title} href={`/manage/activities/${activity.activity_id}`} dir="auto">
            {activity.instructions}
          </a>
          <span class={css.under}>
            <span class={css.narrowOnly}>
              <Status activity={activity} />
            </span>
            {activity.featured ? (
              <Badge tone="honour" icon="star">
                {t("featured")}
              </Badge>
            ) : null}
            <span>{windowWords(activity)}</span>
            {activity.campaign_id ? (
              <bdi>{campaigns.find((each) => each.campaign_id === activity.campaign_id)?.name}</bdi>
            ) : null}
          </span>
        </div>
      ),
    },
    { label: t("col_state"), wide: true, cell: (activity) => <Status activity={activity} /> },
    { label: t("col_audience"), wide: true, cell: (activity) => <bdi>{audience(activity)}</bdi> },
    { label: t("col_points"), numeric: true, wide: true, cell: ({ points }) => number(points) },
    { label: t("col_sent"), numeric: true, wide: true, cell: ({ activity_id }) => count(activity_id, "sent") },
    { label: t("col_staged"), numeric: true, wide: true, cell: ({ activity_id }) => count(activity_id, "staged") },
    { label: t("col_posted"), numeric: true, wide: true, cell: ({ activity_id }) => count(activity_id, "posted") },
    {
      label: t("col_actions"),
      hidden: true,
      narrow: true,
      cell: (activity) => (
        <Menu
          label={t("actions_of", { name: activity.instructions.slice(0, 60) })}
          items={[
            { label: t("open"), icon: "edit", href: `/manage/activities/${activity.activity_id}` },
            { label: t("report"), icon: "leaderboard", href: `/manage/activities/${activity.activity_id}/report` },
            ...items(activity),
          ]}
        >
          <Icon name="more" />
        </Menu>
      ),
    },
  ];
  return <Table caption={t("activities_title")} columns={columns} rows={activities} rowKey={({ activity_id }) => activity_id} />;
}
