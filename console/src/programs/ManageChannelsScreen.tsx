import { answer, api } from "../foundation/api/client";
import { once } from "../foundation/api/idempotency";
import { Icon } from "../foundation/ui/Icon";
import { Badge } from "../foundation/ui/parts";
import { toast } from "../foundation/ui/toasts";
import { type GroupChanges, GroupList } from "./GroupList";
import css from "./manage.module.css";
import { type ChannelView, listsChanged, useManagedChannels } from "./manager_queries";
import { t } from "./words.manager";

async function create(name: string, kind: ChannelView["kind"]): Promise<void> {
  await once(`channel.${kind}.${name}`, (key) =>
    answer(api.POST("/channels", { body: { name, kind }, params: { header: { "Idempotency-Key": key } } })),
  );
  listsChanged();
  toast(t("channel_made", { name }));
}

async function change(changes: GroupChanges, { channel_id, version }: ChannelView): Promise<ChannelView> {
  const body = { version, ...changes } as never;
  const now = await answer(api.PATCH("/channels/{channel_id}", { params: { path: { channel_id } }, body }));
  listsChanged();
  return now;
}

const pageOf = ({ channel_id }: ChannelView): string => `/manage/channels/${channel_id}`;

export default function ManageChannelsScreen() {
  const channels = useManagedChannels();
  return (
    <GroupList<ChannelView>
      list={channels}
      groups={channels.data}
      idOf={({ channel_id }) => channel_id}
      icon="channels"
      words={{
        title: t("channels_title"),
        text: t("channels_text"),
        create: t("new_channel"),
        which: t("which_channels"),
        none: t("no_channels"),
        noneText: t("no_channels_text"),
      }}
      asksKind
      onCreate={create}
      onChange={change}
      read={async () => (await channels.refetch()).data ?? []}
      items={(channel) => [{ label: t("see_members"), icon: "people", href: pageOf(channel) }]}
      columns={[
        {
          label: t("name"),
          cell: (channel) => (
            <a class={css.name} href={pageOf(channel)} dir="auto">
              {channel.name}
            </a>
          ),
        },
        {
          label: t("kind"),
          cell: ({ kind }) => (
            <span class={css.kind}>
              <Icon name={kind === "public" ? "globe" : "lock"} size={16} />
              {t(`kind_${kind}`)}
            </span>
          ),
        },
        {
          label: t("col_you"),
          wide: true,
          cell: ({ joined }) => (joined ? <Badge icon="check">{t("you_are_in")}</Badge> : ""),
        },
      ]}
    />
  );
}
