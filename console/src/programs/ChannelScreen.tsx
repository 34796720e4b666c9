import { useInfiniteQuery } from "@tanstack/preact-query";
import { useRoute } from "preact-iso";
import { useState } from "preact/hooks";
import { answer, api, type Schemas } from "../foundation/api/client";
import { queryClient } from "../foundation/api/queries";
import { Button } from "../foundation/ui/buttons";
import { type Column, Table } from "../foundation/ui/data";
import { Dialog } from "../foundation/ui/Dialog";
import { TextField } from "../foundation/ui/fields";
import forms from "../foundation/ui/forms.module.css";
import { BackLink, List } from "../foundation/ui/pages";
import { Badge, CopyableId, EmptyState, ErrorNote, Note, PageHead } from "../foundation/ui/parts";
import { useRequest } from "../foundation/ui/request";
import { toast } from "../foundation/ui/toasts";
import { toastProblem } from "../foundation/ui/toast_problem";
import css from "./manage.module.css";
import { useManagedChannels } from "./manager_queries";
import { membersOf, useMembers } from "./member_queries";
import { Person } from "./MembersScreen";
import { t } from "./words.manager";

type ChannelMember = Schemas["ChannelMemberView"];
const PAGE = 50;
const MAX_AT_ONCE = 100;

const key = (id: string) => ["channel_members", id];
const changed = (id: string): void => void queryClient.invalidateQueries({ queryKey: key(id) });

async function addMembers(id: string, member_ids: string[]): Promise<void> {
  await answer(api.POST("/channels/{channel_id}/members", { params: { path: { channel_id: id } }, body: { member_ids } }));
  changed(id);
}

async function takeOut(id: string, memberId: string): Promise<void> {
  await answer(
    api.DELETE("/channels/{channel_id}/members/{member_id}", { params: { path: { channel_id: id, member_id: memberId } } }),
  );
  changed(id);
}

export default function ChannelScreen() {
  const id = useRoute().params.id ?? "";
  const channels = useManagedChannels();
  const channel = channels.data?.find((each) => each.channel_id === id);
  const [adding, setAdding] = useState(false);
  const list = useInfiniteQuery({
    queryKey: key(id),
    initialPageParam: "",
    queryFn: ({ pageParam }) =>
      answer(
        api.GET("/channels/{channel_id}/members", {
          params: { path: { channel_id: id }, query: { limit: PAGE, ...(pageParam ? { cursor: pageParam } : {}) } },
        }),
      ),
    getNextPageParam: (page) => page.next_cursor ?? undefined,
  });
  const members = list.data?.pages.flatMap((page) => page.items) ?? [];
  const name = channel?.name ?? "…";
  const removeOne = (member: ChannelMember): void => {
    const undo = (): void => void addMembers(id, [member.member_id]).catch((error: unknown) => toastProblem(error));
    takeOut(id, member.member_id).then(
      () => toast(t("taken_out", { name: member.name }), { label: t("undo"), run: undo }),
      (error: unknown) => toastProblem(error),
    );
  };
  const columns: Column<ChannelMember>[] = [
    { label: t("col_member"), cell: (member) => <Person member={member} /> },
    {
      label: t("status"),
      wide: true,
      cell: ({ status }) => <Badge tone={status === "active" ? "good" : "honour"}>{t(`status_${status}`)}</Badge>,
    },
    {
      label: t("col_actions"),
      hidden: true,
      narrow: true,
      numeric: true,
      cell: (member) => (
        <Button size="small" kind="quiet" aria-label={t("take_out_of", { name: member.name })} onClick={() => removeOne(member)}>
          {t("take_out")}
        </Button>
      ),
    },
  ];
  return (
    <>
      <BackLink href="/manage/channels">{t("channels_title")}</BackLink>
      <PageHead
        title={name}
        actions={
          channel && !channel.archived ? (
            <Button kind="primary" icon="plus" onClick={() => setAdding(true)}>
              {t("add_members")}
            </Button>
          ) : null
        }
      >
        {channel ? t(`kind_${channel.kind}_hint`) : null} <CopyableId id={id} />
      </PageHead>
      {channel?.archived ? <Note icon="archive">{t("channel_archived_note")}</Note> : null}
      <List
        list={list}
        count={members.length}
        row="3.5rem"
        empty={
          <EmptyState icon="people" title={t("channel_empty")}>
            {t("channel_empty_text")}
          </EmptyState>
        }
      >
        <Table caption={name} columns={columns} rows={members} rowKey={({ member_id }) => member_id} />
      </List>
      {adding ? <AddDialog channelId={id} there={new Set(members.map((each) => each.member_id))} onClose={() => setAdding(false)} /> : null}
    </>
  );
}

function AddDialog({ channelId, there, onClose }: { channelId: string; there: Set<string>; onClose: () => void }) {
  const [text, setText] = useState("");
  const [chosen, setChosen] = useState<string[]>([]);
  const { busy, error, run } = useRequest();
  const list = useMembers({ text });
  const found = membersOf(list.data?.pages).filter((each) => each.status !== "removed");
  const toggle = (id: string): void =>
    setChosen(chosen.includes(id) ? chosen.filter((each) => each !== id) : [...chosen, id]);
  const isFull = chosen.length >= MAX_AT_ONCE;
  const add = (): Promise<void> =>
    run(async () => {
      await addMembers(channelId, chosen);
      toast(t("added", { count: chosen.length }));
      onClose();
    });
  return (
    <Dialog
      title={t("add_members")}
      open
      onClose={onClose}
      foot={
        <>
          <Button onClick={onClose}>{t("cancel")}</Button>
          <Button kind="primary" busy={busy} disabled={chosen.length === 0} onClick={() => void add()}>
            {t("add_count", { count: chosen.length })}
          </Button>
        </>
      }
    >
      <TextField
        type="search"
        label={t("search")}
        placeholder={t("search_placeholder")}
        autofocus
        autocomplete="off"
        value={text}
        onInput={(event) => setText(event.currentTarget.value)}
      />
      {isFull ? <Note alert>{t("most_at_once", { limit: MAX_AT_ONCE })}</Note> : null}
      {error ? <ErrorNote error={error} /> : null}
      {list.error ? <ErrorNote error={list.error} /> : null}
      <div class={css.found}>
        {found.map((member) => (
          <label key={member.member_id} class={css.foundRow}>
            <input
              type="checkbox"
              checked={there.has(member.member_id) || chosen.includes(member.member_id)}
              disabled={there.has(member.member_id) || (isFull && !chosen.includes(member.member_id))}
              onChange={() => toggle(member.member_id)}
            />
            <Person member={member} />
          </label>
        ))}
      </div>
      {list.data && found.length === 0 ? <p class={forms.muted}>{t("nobody_found")}</p> : null}
      {list.hasNextPage ? (
        <span>
          <Button size="small" busy={list.isFetchingNextPage} onClick={() => void list.fetchNextPage()}>
            {t("show_more")}
          </Button>
        </span>
      ) : null}
    </Dialog>
  );
}
