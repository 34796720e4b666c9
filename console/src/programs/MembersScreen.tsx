import { useLocation } from "preact-iso";
import type { ComponentChildren } from "preact";
import { useEffect, useState } from "preact/hooks";
import { asProblem } from "../foundation/api/problems";
import { copyText } from "../foundation/copy";
import { fieldWords } from "../foundation/problem_words";
import { relative } from "../foundation/time";
import { Button, LinkButton } from "../foundation/ui/buttons";
import { type Column, Table } from "../foundation/ui/data";
import { Confirm } from "../foundation/ui/Dialog";
import { Radio, Select, TextField } from "../foundation/ui/fields";
import { FormDialog } from "../foundation/ui/forms";
import forms from "../foundation/ui/forms.module.css";
import { Icon } from "../foundation/ui/Icon";
import { Menu, type MenuItem } from "../foundation/ui/Menu";
import { Filters, List } from "../foundation/ui/pages";
import { Avatar, Badge, EmptyState, ErrorNote, PageHead, type Tone } from "../foundation/ui/parts";
import { useConflicts } from "../foundation/ui/conflicts";
import { useRequest } from "../foundation/ui/request";
import { toast } from "../foundation/ui/toasts";
import { toastProblem } from "../foundation/ui/toast_problem";
import { useMe } from "../me/queries";
import { later } from "../foundation/later";
import { withWords } from "../foundation/words";
import { t as points } from "../points/words.manager";
import css from "./manage.module.css";
import { changeRole, invite, inviteAgain, membersOf, type MemberView, readMember, remove, type Sought, useMembers } from "./member_queries";
import { t } from "./words.manager";

const DataDialog = later(withWords(() => import("../privacy/DataDialog"), "office", "mine"));
const PointsDialog = later(withWords(() => import("../points/PointsDialog"), "mine", "program"));
const TYPING_MS = 250;
const STATUSES = ["active", "invited", "removed"] as const;
const ROLES = ["member", "manager"] as const;

/** What was typed, once typing rests. */
function useSettled(text: string): string {
  const [settled, setSettled] = useState(text);
  useEffect(() => {
    const timer = setTimeout(() => setSettled(text), TYPING_MS);
    return () => clearTimeout(timer);
  }, [text]);
  return settled;
}

export default function MembersScreen() {
  const { query, route, path } = useLocation();
  const [text, setText] = useState(query.search ?? "");
  const [status, setStatus] = useState<Sought["status"]>(() => STATUSES.find((each) => each === query.status));
  const [role, setRole] = useState<Sought["role"]>();
  // The command menu may look for somebody else while this is on the screen.
  useEffect(() => {
    if (query.search === undefined) return;
    setText(query.search);
    setStatus(undefined);
    setRole(undefined);
  }, [query.search]);
  const list = useMembers({ text: useSettled(text), ids: query.ids, status, role });
  const members = membersOf(list.data?.pages);
  const inviting = query.invite !== undefined;
  const filtered = Boolean(text.trim() || query.ids || status || role);
  const everybody = (): void => {
    setText("");
    setStatus(undefined);
    setRole(undefined);
    route(path, true);
  };
  return (
    <>
      <PageHead
        title={t("members_title")}
        actions={
          <span class={css.actions}>
            <LinkButton icon="upload" href="/manage/members/import">
              {t("import")}
            </LinkButton>
            <LinkButton kind="primary" icon="mail" href="/manage/members?invite">
              {t("invite")}
            </LinkButton>
          </span>
        }
      >
        {t("members_text")}
      </PageHead>
      <Filters
        search={
          <TextField
            type="search"
            label={t("search")}
            placeholder={t("search_placeholder")}
            value={text}
            autocomplete="off"
            onInput={(event) => setText(event.currentTarget.value)}
          />
        }
      >
        <Select
          label={t("status")}
          value={status ?? ""}
          onChange={(event) => setStatus(STATUSES.find((each) => each === event.currentTarget.value))}
        >
          <option value="">{t("any_status")}</option>
          {STATUSES.map((each) => (
            <option key={each} value={each}>
              {t(`status_${each}`)}
            </option>
          ))}
        </Select>
        <Select
          label={t("role")}
          value={role ?? ""}
          onChange={(event) => setRole(ROLES.find((each) => each === event.currentTarget.value))}
        >
          <option value="">{t("any_role")}</option>
          {ROLES.map((each) => (
            <option key={each} value={each}>
              {t(`role_${each}`)}
            </option>
          ))}
        </Select>
        {query.ids ? <Button onClick={everybody}>{t("show_everybody")}</Button> : null}
      </Filters>
      <MemberList list={list} members={members} empty={list.isPlaceholderData ? null : <Nobody filtered={filtered} onAll={everybody} />} />
      {inviting ? <InviteDialog onClose={() => route(path, true)} /> : null}
    </>
  );
}

function Nobody({ filtered, onAll }: { filtered: boolean; onAll: () => void }) {
  if (!filtered) {
    return (
      <EmptyState icon="people" title={t("nobody")}>
        {t("nobody_text")}
      </EmptyState>
    );
  }
  return (
    <EmptyState icon="search" title={t("nobody_found")} actions={<Button onClick={onAll}>{t("show_everybody")}</Button>}>
      {t("nobody_found_text")}
    </EmptyState>
  );
}

const TONES: Record<MemberView["status"], Tone> = { active: "good", invited: "honour", removed: "plain" };

export function Person({ member, children }: { member: Pick<MemberView, "member_id" | "name" | "email">; children?: ComponentChildren }) {
  return (
    <span class={css.person}>
      <Avatar name={member.name} id={member.member_id} size="2.25rem" />
      <span class={css.who}>
        <bdi>{member.name}</bdi>
        <bdi>{member.email}</bdi>
        {children}
      </span>
    </span>
  );
}

/** What became of the mail to somebody who is invited. */
function MailState({ member }: { member: MemberView }) {
  const { status, invitation_mail: mail, invitation_mailed_at: at, invited_at } = member;
  if (status !== "invited" || !mail) return null;
  if (mail === "failed") return <Badge tone="bad">{t("mail_failed")}</Badge>;
  return <span class={css.under}>{t(`mail_${mail}`, { when: relative(at ?? invited_at) })}</span>;
}

type Asked = { what: "remove" | "promote" | "demote"; member: MemberView };

type MemberListProps = { list: ReturnType<typeof useMembers>; members: MemberView[]; empty: ComponentChildren };

/** The dialogs stand beside the list: what they do may take the last row away while they are open. */
function MemberList({ list, members, empty }: MemberListProps) {
  const own = useMe().data?.member_id;
  const [asked, setAsked] = useState<Asked>();
  const [pointsOf, setPointsOf] = useState<MemberView>();
  const [dataOf, setDataOf] = useState<MemberView>();
  const { busy, error, setError, run } = useRequest();

  const ask = (what: Asked["what"], member: MemberView) => (): void => {
    setError(undefined);
    setAsked({ what, member });
  };
  const quietly = (act: () => Promise<void>, done: string) => (): void => {
    act().then(
      () => toast(done),
      (caught: unknown) => toastProblem(caught),
    );
  };
  const { save, dialog } = useConflicts<MemberView>(["role", "status"], {
    label: (name) => t(name as "role" | "status"),
    say: (name, { role, status }) => t(name === "role" ? `role_${role}` : `status_${status}`),
  });
  const change = (base: MemberView, role: MemberView["role"], onSaved: (now: MemberView) => void): Promise<void> =>
    save({ base, changes: { role }, write: (_, on) => changeRole(on, role), read: () => readMember(base.member_id), onSaved });
  const act = ({ what, member }: Asked): Promise<void> =>
    run(async () => {
      const { member_id: id, name, role, email } = member;
      if (what === "remove") {
        await remove(id);
        const back = (): Promise<void> => invite(email, role).then(() => undefined);
        toast(t("removed_toast", { name }), { label: t("invite_back"), run: quietly(back, t("invited_toast", { email })) });
      } else {
        await change(member, what === "promote" ? "manager" : "member", (now) => {
          const undo = (): void => void change(now, role, () => toast(t("undone"))).catch(toastProblem);
          if (now.role !== role) toast(t("role_toast", { name }), { label: t("undo"), run: undo });
        });
      }
      setAsked(undefined);
    });

  const items = (member: MemberView): MenuItem[] => {
    const { member_id: id, status, role, email } = member;
    const again = { label: t("send_again"), icon: "mail" as const, onSelect: quietly(() => inviteAgain(id), t("sent_again", { email })) };
    const back = {
      label: t("invite_back"),
      icon: "mail" as const,
      onSelect: quietly(() => invite(email, role).then(() => undefined), t("invited_toast", { email })),
    };
    return [
      ...(status === "removed" ? [] : [{ label: points("points_of"), icon: "sparkle" as const, onSelect: () => setPointsOf(member) }]),
      ...(status === "invited" ? [again] : []),
      ...(status === "removed" ? [back] : []),
      ...(status === "removed"
        ? []
        : [
            role === "manager"
              ? { label: t("make_member"), icon: "person" as const, onSelect: ask("demote", member) }
              : { label: t("make_manager"), icon: "star" as const, onSelect: ask("promote", member) },
          ]),
      { label: t("data_of"), icon: "lock", onSelect: () => setDataOf(member) },
      { label: t("copy_id"), icon: "copy", onSelect: () => void copyText(id).then((done) => toast(t(done ? "id_copied" : "id_not_copied"))) },
      ...(status === "removed"
        ? []
        : [{ label: t("remove"), icon: "trash" as const, dangerous: true, onSelect: ask("remove", member) }]),
    ];
  };
  const columns: Column<MemberView>[] = [
    {
      label: t("col_member"),
      cell: (member) => (
        <span class={member.status === "removed" ? css.gone : undefined}>
          <Person member={member}>{member.member_id === own ? <span>{t("you")}</span> : null}</Person>
        </span>
      ),
    },
    {
      label: t("status"),
      cell: (member) => (
        <span class={css.states}>
          <Badge tone={TONES[member.status]}>{t(`status_${member.status}`)}</Badge>
          <MailState member={member} />
        </span>
      ),
    },
    {
      label: t("role"),
      wide: true,
      cell: ({ role }) => (role === "manager" ? <Badge icon="star">{t("role_manager")}</Badge> : t("role_member")),
    },
    {
      label: t("col_tiktok"),
      wide: true,
      cell: ({ tiktok_account: account, status }) =>
        status === "removed" ? "" : account ? (
          <Badge tone={account === "connected" ? "good" : "warning"}>{t(`tiktok_${account}`)}</Badge>
        ) : (
          <span class={forms.muted}>{t("tiktok_none")}</span>
        ),
    },
    {
      label: t("col_actions"),
      hidden: true,
      narrow: true,
      cell: (member) => (
        <Menu label={t("actions_of", { name: member.name })} items={items(member)}>
          <Icon name="more" />
        </Menu>
      ),
    },
  ];
  return (
    <>
      <List list={list} count={members.length} row="3.5rem" empty={empty}>
        <Table caption={t("members_title")} columns={columns} rows={members} rowKey={({ member_id }) => member_id} />
      </List>
      {pointsOf ? (
        <PointsDialog memberId={pointsOf.member_id} name={pointsOf.name} onClose={() => setPointsOf(undefined)} />
      ) : null}
      {dialog}
      {dataOf ? <DataDialog member={dataOf} onClose={() => setDataOf(undefined)} /> : null}
      {asked ? (
        <Confirm
          title={t(`ask_${asked.what}_title`, { name: asked.member.name })}
          open
          dangerous={asked.what === "remove"}
          busy={busy}
          confirm={t(asked.what === "remove" ? "remove" : asked.what === "promote" ? "make_manager" : "make_member")}
          onClose={() => setAsked(undefined)}
          onConfirm={() => void act(asked)}
        >
          <p>{t(`ask_${asked.what}_text`)}</p>
          {asked.member.member_id === own ? <p>{t("that_is_you")}</p> : null}
          {error ? <ErrorNote error={error} /> : null}
        </Confirm>
      ) : null}
    </>
  );
}

function InviteDialog({ onClose }: { onClose: () => void }) {
  const [email, setEmail] = useState("");
  const [name, setName] = useState("");
  const [role, setRole] = useState<MemberView["role"]>("member");
  const { busy, error, run } = useRequest();
  const [missing, setMissing] = useState(false);
  const send = async (): Promise<void> => {
    setMissing(!email.trim());
    if (!email.trim()) return;
    await run(async () => {
      await invite(email.trim(), role, name.trim());
      toast(t("invited_toast", { email: email.trim() }));
      onClose();
    });
  };
  const ofField = fieldWords(error, "email") ?? fieldWords(error, "name");
  return (
    <FormDialog title={t("invite_title")} onClose={onClose} onSubmit={send} submit={t("send_invitation")} icon="mail" busy={busy}>
      <p>{t("invite_text")}</p>
      <TextField
        label={t("email")}
        type="email"
        inputMode="email"
        autocomplete="off"
        autofocus
        value={email}
        error={missing ? t("email_missing") : fieldWords(error, "email")}
        onInput={(event) => setEmail(event.currentTarget.value)}
      />
      <TextField
        label={t("name")}
        hint={t("name_hint")}
        optional
        dir="auto"
        autocomplete="off"
        value={name}
        error={fieldWords(error, "name")}
        onInput={(event) => setName(event.currentTarget.value)}
      />
      <fieldset class={forms.fieldset}>
        <legend class={forms.legend}>{t("role")}</legend>
        <Radio name="role" label={t("role_member")} hint={t("role_member_hint")} checked={role === "member"} onChange={() => setRole("member")} />
        <Radio name="role" label={t("role_manager")} hint={t("role_manager_hint")} checked={role === "manager"} onChange={() => setRole("manager")} />
      </fieldset>
      {error && !ofField ? (
        <ErrorNote error={error}>{asProblem(error).code === "already_a_member" ? <p>{t("find_them")}</p> : null}</ErrorNote>
      ) : null}
    </FormDialog>
  );
}
