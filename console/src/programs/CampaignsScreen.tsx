import { answer, api } from "../foundation/api/client";
import { once } from "../foundation/api/idempotency";
import { longDate } from "../foundation/calendar";
import { toast } from "../foundation/ui/toasts";
import { type GroupChanges, GroupList } from "./GroupList";
import css from "./manage.module.css";
import { type CampaignView, listsChanged, useManagedCampaigns } from "./manager_queries";
import { t } from "./words.manager";

async function create(name: string): Promise<void> {
  await once(`campaign.${name}`, (key) =>
    answer(api.POST("/campaigns", { body: { name }, params: { header: { "Idempotency-Key": key } } })),
  );
  listsChanged();
  toast(t("campaign_made", { name }));
}

async function change(changes: GroupChanges, { campaign_id, version }: CampaignView): Promise<CampaignView> {
  const body = { version, ...changes } as never;
  const now = await answer(api.PATCH("/campaigns/{campaign_id}", { params: { path: { campaign_id } }, body }));
  listsChanged();
  return now;
}

const activitiesOf = ({ campaign_id }: CampaignView): string => `/manage/activities?campaign=${encodeURIComponent(campaign_id)}`;

export default function CampaignsScreen() {
  const campaigns = useManagedCampaigns();
  return (
    <GroupList<CampaignView>
      list={campaigns}
      groups={campaigns.data}
      idOf={({ campaign_id }) => campaign_id}
      icon="campaign"
      words={{
        title: t("campaigns_title"),
        text: t("campaigns_text"),
        create: t("new_campaign"),
        which: t("which_campaigns"),
        none: t("no_campaigns"),
        noneText: t("no_campaigns_text"),
      }}
      onCreate={create}
      onChange={change}
      read={async () => (await campaigns.refetch()).data ?? []}
      items={(campaign) => [
        { label: t("see_report"), icon: "leaderboard", href: `/manage/campaigns/${campaign.campaign_id}` },
        { label: t("see_activities"), icon: "activities", href: activitiesOf(campaign) },
      ]}
      columns={[
        {
          label: t("name"),
          cell: (campaign) => (
            <a class={css.name} href={activitiesOf(campaign)} dir="auto">
              {campaign.name}
            </a>
          ),
        },
        { label: t("col_made"), wide: true, cell: ({ created_at }) => longDate(created_at) },
      ]}
    />
  );
}
