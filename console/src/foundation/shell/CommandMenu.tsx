import { useInfiniteQuery, useQuery } from "@tanstack/preact-query";
import { useLocation } from "preact-iso";
import { useEffect, useId, useLayoutEffect, useMemo, useRef, useState } from "preact/hooks";
import { useMe } from "../../me/queries";
import { useManagedCampaigns, useManagedChannels } from "../../programs/manager_queries";
import { navigation } from "../../routes";
import { answer, api } from "../api/client";
import { type Command, offered } from "../commands";
import { leave } from "../leaving";
import { problemWords } from "../problem_words";
import { signOut } from "../session/session";
import { t as shared } from "../t";
import { chooseTheme } from "../theme";
import { Icon } from "../ui/Icon";
import { toastProblem } from "../ui/toast_problem";
import { Toasts } from "../ui/toasts";
import { chooseLanguage, LANGUAGES } from "../words";
import { t } from "../words.manager";
import css from "./commands.module.css";

type Group = { title: string; commands: Command[] };

const TYPING_MS = 200;
const FOUND = 6;
const PAGE = 50;
/** The API finds no activity by its words: they are read, newest first, until enough are found. */
const MOST_PAGES = 10;
const OWN_NAMES = { en: "English", de: "Deutsch", es: "Español" };

const plain = (text: string): string => text.normalize("NFKD").replace(/\p{M}/gu, "").toLocaleLowerCase();

/** Whether every word that was typed is somewhere in the label. */
function fits(label: string, typed: string): boolean {
  const text = plain(label);
  return plain(typed)
    .split(/\s+/)
    .every((word) => text.includes(word));
}

function useTyped(text: string): string {
  const [settled, setSettled] = useState("");
  useEffect(() => {
    const timer = setTimeout(() => setSettled(text.trim()), TYPING_MS);
    return () => clearTimeout(timer);
  }, [text]);
  return settled;
}

/** What the program has by the name that is typed: people, activities, channels, campaigns. */
type Found = {
  commands: (go: (path: string) => void) => Group[];
  error: unknown;
  /** How many of the newest activities were looked at, where there are more. */
  lookedAt: number | undefined;
};

function useFound(text: string): Found {
  const typed = useTyped(text);
  const enabled = typed.length > 1;
  const people = useQuery({
    queryKey: ["members", "command", typed],
    enabled,
    queryFn: () => answer(api.GET("/members", { params: { query: { limit: FOUND, ...(typed.includes("@") ? { email: typed } : { name: typed }) } } })),
  });
  const activities = useInfiniteQuery({
    queryKey: ["activities", "command"],
    initialPageParam: "",
    queryFn: ({ pageParam }) =>
      answer(api.GET("/activities", { params: { query: { limit: PAGE, ...(pageParam ? { cursor: pageParam } : {}) } } })),
    getNextPageParam: (last, pages) => (pages.length < MOST_PAGES ? last.next_cursor : undefined),
  });
  const channels = useManagedChannels();
  const campaigns = useManagedCampaigns();
  const read = activities.data?.pages.flatMap(({ items }) => items) ?? [];
  const fitting = enabled ? read.filter((each) => fits(each.instructions, typed)) : [];
  const goesOn = enabled && fitting.length < FOUND && activities.hasNextPage && !activities.isFetching && !activities.error;
  useEffect(() => {
    if (goesOn) void activities.fetchNextPage();
  }, [goesOn]);
  const commands = (go: (path: string) => void): Group[] => {
    if (!enabled) return [];
    return [
      {
        title: t("found_activities"),
        commands: fitting
          .slice(0, FOUND)
          .map((each) => ({
            id: each.activity_id,
            label: each.instructions,
            icon: "activities",
            run: () => go(`/manage/activities/${each.activity_id}`),
          })),
      },
      {
        title: t("found_members"),
        commands: (people.data?.items ?? []).map((each) => ({
          id: each.member_id,
          label: each.name,
          hint: each.email,
          icon: "person",
          run: () => go(`/manage/members?search=${encodeURIComponent(each.email)}`),
        })),
      },
      {
        title: t("found_channels"),
        commands: (channels.data ?? [])
          .filter((each) => fits(each.name, typed))
          .slice(0, FOUND)
          .map((each) => ({
            id: each.channel_id,
            label: each.name,
            icon: "channels",
            run: () => go(`/manage/channels/${each.channel_id}`),
          })),
      },
      {
        title: t("found_campaigns"),
        commands: (campaigns.data ?? [])
          .filter((each) => fits(each.name, typed))
          .slice(0, FOUND)
          .map((each) => ({
            id: each.campaign_id,
            label: each.name,
            icon: "campaign",
            run: () => go(`/manage/campaigns/${each.campaign_id}`),
          })),
      },
    ];
  };
  const isOver = !activities.hasNextPage || activities.error;
  const isCut = enabled && fitting.length < FOUND && isOver && activities.data?.pages.at(-1)?.next_cursor;
  return {
    commands,
    error: people.error ?? activities.error ?? channels.error ?? campaigns.error,
    lookedAt: isCut ? read.length : undefined,
  };
}

type Further = { path: string; label: string; icon: Command["icon"]; rewards?: true };

/** Screens that are not in the navigation. */
const further = (): Further[] => [
  { path: "/manage/reports/members", label: t("member_reports"), icon: "people" },
  { path: "/manage/redemptions", label: t("requests"), icon: "gift" },
  { path: "/manage/rewards/new", label: t("new_reward"), icon: "gift", rewards: true },
  { path: "/manage/webhooks", label: "Webhooks", icon: "send" },
  { path: "/notifications", label: t("notifications"), icon: "inbox" },
  { path: "/points", label: t("points"), icon: "sparkle" },
  { path: "/privacy", label: t("your_data"), icon: "lock" },
];

/** Every screen and every action by a few letters of its name. */
export default function CommandMenu({ onClose }: { onClose: () => void }) {
  const { route } = useLocation();
  const [text, setText] = useState("");
  const [chosenId, choose] = useState<string>();
  const dialog = useRef<HTMLDialogElement>(null);
  const id = useId();
  const found = useFound(text);
  const rewards = useMe().data?.program.rewards ?? false;

  useLayoutEffect(() => dialog.current?.showModal(), []);

  const go = (path: string): void => leave(() => route(path));
  const groups = useMemo((): Group[] => {
    const known = [...navigation("manager", rewards), ...navigation("member", rewards)].map(({ path, nav }) => ({
      path,
      label: shared(nav.label).replaceAll("\u00ad", ""), // where tabs may break it
      icon: nav.icon,
    }));
    const screens = [...known, ...further().filter((each) => rewards || !each.rewards)].map(({ path, label, icon }) => ({
      id: path,
      label,
      icon,
      hint: path.startsWith("/manage") ? shared("nav_manager_section") : "",
      run: () => go(path),
    }));
    const actions: Command[] = [
      { id: "new", label: t("new_activity"), icon: "plus", run: () => go("/manage/activities/new") },
      { id: "invite", label: t("invite"), icon: "mail", run: () => go("/manage/members?invite") },
      { id: "import", label: t("import_list"), icon: "upload", run: () => go("/manage/members/import") },
      { id: "channel", label: t("new_channel"), icon: "channels", run: () => go("/manage/channels?new") },
      { id: "campaign", label: t("new_campaign"), icon: "campaign", run: () => go("/manage/campaigns?new") },
      { id: "archived", label: t("archived_activities"), icon: "archive", run: () => go("/manage/activities?archived=") },
      { id: "tiktok", label: t("connect_tiktok"), icon: "person", run: () => go("/settings#tiktok") },
      { id: "light", label: t("theme_light"), icon: "settings", run: () => chooseTheme("light") },
      { id: "dark", label: t("theme_dark"), icon: "settings", run: () => chooseTheme("dark") },
      { id: "system", label: t("theme_system"), icon: "settings", run: () => chooseTheme("system") },
      ...LANGUAGES.map((each): Command => ({ id: each, label: t("language", { name: OWN_NAMES[each] }), icon: "globe", run: () => void chooseLanguage(each) })),
      {
        id: "sign-out",
        label: shared("sign_out"),
        icon: "leave",
        run: () => leave(() => void signOut().catch((error: unknown) => toastProblem(error))),
      },
    ];
    return [
      { title: t("here"), commands: offered.value },
      { title: t("screens"), commands: screens },
      { title: t("actions"), commands: actions },
    ];
  }, [offered.value, rewards]);

  const shown = [
    ...groups.map(({ title, commands }) => ({ title, commands: commands.filter((each) => fits(each.label, text)) })),
    ...found.commands(go),
  ].filter(({ commands }) => commands.length > 0);
  const flat = shown.flatMap(({ commands }) => commands);
  // By its id: what is found later comes in above it, and must not be what Enter opens.
  const at = Math.max(flat.findIndex((each) => each.id === chosenId), 0);
  const chosen = flat[at];

  useEffect(() => {
    if (chosen) document.getElementById(`${id}-${chosen.id}`)?.scrollIntoView({ block: "nearest" });
  }, [chosen?.id]);

  const run = (command: Command | undefined): void => {
    if (!command) return;
    // Closed first, so that the focus is where it was, and what opens may take it.
    dialog.current?.close();
    onClose();
    command.run();
  };
  const move = (event: KeyboardEvent): void => {
    if (event.isComposing) return;
    const to = { ArrowDown: at + 1, ArrowUp: at - 1 }[event.key];
    if (event.key === "Enter") {
      event.preventDefault();
      run(chosen);
    } else if (to !== undefined && flat.length > 0) {
      event.preventDefault();
      choose(flat[(to + flat.length) % flat.length]?.id);
    }
  };
  return (
    <dialog
      ref={dialog}
      class={css.box}
      aria-label={t("command_menu")}
      onClose={onClose}
      onClick={(event) => event.target === dialog.current && dialog.current?.close()}
    >
      <div class={css.search}>
        <Icon name="search" />
        <input
          type="text"
          role="combobox"
          aria-expanded="true"
          aria-controls={`${id}-list`}
          aria-activedescendant={chosen ? `${id}-${chosen.id}` : undefined}
          aria-autocomplete="list"
          aria-label={t("command_search")}
          placeholder={t("command_search")}
          autocomplete="off"
          spellcheck={false}
          autofocus
          value={text}
          onInput={(event) => {
            setText(event.currentTarget.value);
            choose(undefined);
          }}
          onKeyDown={move}
        />
      </div>
      <div class={css.list} id={`${id}-list`} role="listbox" aria-label={t("command_menu")} tabIndex={-1}>
        {shown.map(({ title, commands }) => (
          <div key={title} role="group" aria-label={title}>
            <div class={css.group} aria-hidden="true">
              {title}
            </div>
            {commands.map((command) => (
              <div
                key={command.id}
                id={`${id}-${command.id}`}
                role="option"
                aria-selected={command === chosen}
                class={css.entry}
                onMouseMove={() => choose(command.id)}
                onClick={() => run(command)}
              >
                <Icon name={command.icon} />
                <bdi>{command.label}</bdi>
                {command.hint ? <small>{command.hint}</small> : null}
              </div>
            ))}
          </div>
        ))}
        {flat.length === 0 ? <p class={css.none}>{found.error ? problemWords(found.error) : t("nothing")}</p> : null}
        {found.lookedAt ? <p class={css.none}>{t("newest_only", { count: found.lookedAt })}</p> : null}
      </div>
      <div class={css.foot} aria-hidden="true">
        <span>
          <kbd>↑</kbd> <kbd>↓</kbd> {t("key_move")}
        </span>
        <span>
          <kbd>↵</kbd> {t("key_open")}
        </span>
        <span>
          <kbd>Esc</kbd> {t("key_close")}
        </span>
      </div>
      <Toasts />
    </dialog>
  );
}
