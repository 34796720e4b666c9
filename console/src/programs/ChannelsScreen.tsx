import { useState } from "preact/hooks";
import { queryClient } from "../foundation/api/queries";
import { Button } from "../foundation/ui/buttons";
import { Icon } from "../foundation/ui/Icon";
import { Badge, EmptyState, ErrorState, hue, Loading, PageHead, Skeleton } from "../foundation/ui/parts";
import { toast } from "../foundation/ui/toasts";
import { toastProblem } from "../foundation/ui/toast_problem";
import css from "./channels.module.css";
import { CHANNELS, type Channel, joinChannel, leaveChannel, useChannels } from "./queries";
import { t } from "./words";

export default function ChannelsScreen() {
  const channels = useChannels();
  const all = channels.data?.pages.flatMap((page) => page.items) ?? [];
  const yours = all.filter((channel) => channel.joined);
  const toJoin = all.filter((channel) => !channel.joined && !channel.archived && channel.kind === "public");
  return (
    <div class={css.page}>
      <PageHead title={t("channels_title")}>{t("channels_text")}</PageHead>
      {channels.isPending ? (
        <Loading>
          <div class={css.list}>
            {[0, 1, 2].map((each) => (
              <div key={each} class={css.row}>
                <Skeleton width="60%" height="1.5rem" />
              </div>
            ))}
          </div>
        </Loading>
      ) : null}
      {channels.error && all.length === 0 ? (
        <ErrorState error={channels.error} onRetry={() => void channels.refetch()} />
      ) : null}
      {channels.isSuccess && yours.length + toJoin.length === 0 ? (
        <EmptyState icon="channels" title={t("none_title")}>
          {t("none_text")}
        </EmptyState>
      ) : null}
      {yours.length > 0 ? <Section title={t("yours")} channels={yours} /> : null}
      {toJoin.length > 0 ? <Section title={t("to_join")} channels={toJoin} /> : null}
      {yours.length > 0 && toJoin.length === 0 && !channels.hasNextPage ? <p class={css.aside}>{t("all_joined")}</p> : null}
      {channels.hasNextPage ? (
        <Button busy={channels.isFetchingNextPage} onClick={() => void channels.fetchNextPage()}>
          {t("show_more")}
        </Button>
      ) : null}
    </div>
  );
}

function Section({ title, channels }: { title: string; channels: Channel[] }) {
  return (
    <section class={css.section}>
      <h2>{title}</h2>
      <ul class={css.list}>
        {channels.map((channel) => (
          <Row key={channel.channel_id} channel={channel} />
        ))}
      </ul>
    </section>
  );
}

function Row({ channel }: { channel: Channel }) {
  const [busy, setBusy] = useState(false);
  const { channel_id, name, kind, joined, archived } = channel;

  const change = async (join: boolean, undoable: boolean): Promise<void> => {
    setBusy(true);
    try {
      await (join ? joinChannel(channel_id) : leaveChannel(channel_id));
      const undo = undoable ? { label: t("undo"), run: () => void change(!join, false) } : undefined;
      toast(t(join ? "joined" : "left", { name }), undo);
      await queryClient.invalidateQueries({ queryKey: CHANNELS });
      await queryClient.invalidateQueries({ queryKey: ["feed"] });
    } catch (error) {
      toastProblem(error);
    } finally {
      setBusy(false);
    }
  };

  return (
    <li class={css.row}>
      <span class={css.mark} style={{ "--hue": hue(channel_id) }} aria-hidden="true">
        <Icon name={kind === "private" ? "lock" : "channels"} />
      </span>
      <div class={css.words}>
        <strong>
          <bdi>{name}</bdi>
        </strong>
        <span>
          {archived ? <Badge>{t("archived")}</Badge> : t(kind)}
          {kind === "private" ? `. ${t("private_text")}` : null}
        </span>
      </div>
      {kind === "public" ? (
        <Button
          size="small"
          kind={joined ? "secondary" : "primary"}
          busy={busy}
          aria-label={t(joined ? "leave_label" : "join_label", { name })}
          onClick={() => void change(!joined, joined)}
        >
          {t(joined ? "leave" : "join")}
        </Button>
      ) : null}
    </li>
  );
}
