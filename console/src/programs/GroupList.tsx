import { useLocation } from "preact-iso";
import { useState } from "preact/hooks";
import { copyText } from "../foundation/copy";
import { LinkButton } from "../foundation/ui/buttons";
import { type Column, Table } from "../foundation/ui/data";
import { Icon, type IconName } from "../foundation/ui/Icon";
import { Menu, type MenuItem } from "../foundation/ui/Menu";
import { useConflicts } from "../foundation/ui/conflicts";
import { Filters, List } from "../foundation/ui/pages";
import { EmptyState, PageHead } from "../foundation/ui/parts";
import { Segments } from "../foundation/ui/Segments";
import { toast } from "../foundation/ui/toasts";
import { toastProblem } from "../foundation/ui/toast_problem";
import type { ChannelView, useManagedCampaigns, useManagedChannels } from "./manager_queries";
import { NameDialog } from "./NameDialog";
import { t } from "./words.manager";

type Named = { name: string; archived: boolean; version: number };
export type GroupChanges = Partial<Pick<Named, "name" | "archived">>;
const CHANGED = ["name", "archived"] as const;
type Props<Group extends Named> = {
  list: Pick<ReturnType<typeof useManagedChannels> | ReturnType<typeof useManagedCampaigns>, "isPending" | "error" | "refetch">;
  groups: Group[] | undefined;
  idOf: (group: Group) => string;
  icon: IconName;
  words: { title: string; text: string; create: string; which: string; none: string; noneText: string };
  columns: Column<Group>[];
  items: (group: Group) => MenuItem[];
  asksKind?: boolean;
  onCreate: (name: string, kind: ChannelView["kind"]) => Promise<unknown>;
  /** Writes on the version that the group has. */
  onChange: (changes: GroupChanges, group: Group) => Promise<Group>;
  /** Reads all of them as they are now. */
  read: () => Promise<Group[]>;
};

/** Channels or campaigns: made, renamed, put away and brought back. */
export function GroupList<Group extends Named>(props: Props<Group>) {
  const { list, groups = [], idOf, icon, words, onChange } = props;
  const { query, route, path } = useLocation();
  const which = query.archived === undefined ? "current" : "archived";
  const [renamed, setRenamed] = useState<Group>();
  const shown = groups.filter((each) => each.archived === (which === "archived"));
  const create = (
    <LinkButton kind="primary" icon="plus" href={`${path}?new`}>
      {words.create}
    </LinkButton>
  );
  const { save, dialog } = useConflicts<Group>(CHANGED, { label: (name) => t(name as "name" | "archived") });
  const change = (base: Group, changes: GroupChanges, onSaved?: (now: Group) => void): Promise<void> => {
    const read = async (): Promise<Group | undefined> => (await props.read()).find((each) => idOf(each) === idOf(base));
    return save({ base, changes: changes as Partial<Group>, write: onChange, read, ...(onSaved ? { onSaved } : {}) });
  };
  const archive = (group: Group, archived: boolean, undone = false): void => {
    const { name } = group;
    change(group, { archived }, (now) => {
      const undo = { label: t("undo"), run: () => archive(now, !archived, true) };
      if (!undone && now.archived === archived) toast(t(archived ? "archived_toast" : "restored_toast", { name }), undo);
    }).catch(toastProblem);
  };
  const copyId = (group: Group): void =>
    void copyText(idOf(group)).then((done) => toast(t(done ? "id_copied" : "id_not_copied")));
  const actions: Column<Group> = {
    label: t("col_actions"),
    hidden: true,
    narrow: true,
    cell: (group) => (
      <Menu
        label={t("actions_of", { name: group.name })}
        items={[
          ...props.items(group),
          { label: t("rename"), icon: "edit", onSelect: () => setRenamed(group) },
          { label: t("copy_id"), icon: "copy", onSelect: () => copyId(group) },
          {
            label: group.archived ? t("restore") : t("archive"),
            icon: "archive",
            onSelect: () => archive(group, !group.archived),
          },
        ]}
      >
        <Icon name="more" />
      </Menu>
    ),
  };
  return (
    <>
      <PageHead title={words.title} actions={create}>
        {words.text}
      </PageHead>
      <Filters>
        <Segments
          label={words.which}
          value={which}
          options={[
            { value: "current", label: t("current") },
            { value: "archived", label: t("archived") },
          ]}
          onChange={(value) => route(value === "archived" ? `${path}?archived=` : path, true)}
        />
      </Filters>
      <List
        list={list}
        count={shown.length}
        row="3.5rem"
        empty={
          which === "archived" ? (
            <EmptyState icon={icon} title={t("none_archived")}>
              {t("none_archived_text")}
            </EmptyState>
          ) : (
            <EmptyState icon={icon} title={words.none} actions={create}>
              {words.noneText}
            </EmptyState>
          )
        }
      >
        <Table caption={words.title} columns={[...props.columns, actions]} rows={shown} rowKey={idOf} />
      </List>
      {query.new === undefined ? null : (
        <NameDialog
          title={words.create}
          confirm={t("create")}
          asksKind={props.asksKind ?? false}
          onClose={() => route(path, true)}
          onSave={props.onCreate}
        />
      )}
      {renamed ? (
        <NameDialog
          title={t("rename_title", { name: renamed.name })}
          confirm={t("save")}
          name={renamed.name}
          onClose={() => setRenamed(undefined)}
          onSave={(name) => change(renamed, { name })}
        />
      ) : null}
      {dialog}
    </>
  );
}
