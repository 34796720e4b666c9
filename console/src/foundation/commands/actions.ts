/**
 * Where the command menu leads from every screen: to every other one, and to what can be done on one
 * of them. What can be done on the screen in sight, its own buttons say (`on_screen.ts`).
 */
import { SCREENS, type Screen } from "../../routes";
import { leave } from "../leave";
import { signOut } from "../session/session";
import { t as shared } from "../t";
import { chooseTheme, THEMES } from "../theme";
import type { IconName } from "../ui/Icon";
import { toastProblem } from "../ui/toast_problem";
import { chooseLanguage, LANGUAGES } from "../words";
import { t } from "../words.commands";
import type { Command } from "./command";

type Word = Parameters<typeof t>[0];
type Audience = Screen["audience"];
type Further = { label: Word; icon: IconName };

/** The names of screens that are not in the navigation. One with an id is found by what it shows. */
export const FURTHER: Record<string, Further> = {
  "/notifications": { label: "notifications", icon: "inbox" },
  "/points": { label: "points", icon: "sparkle" },
  "/privacy": { label: "your_data", icon: "lock" },
  "/manage/activities/new": { label: "new_activity", icon: "plus" },
  "/manage/reports/members": { label: "member_reports", icon: "people" },
  "/manage/members/import": { label: "import_list", icon: "upload" },
  "/manage/rewards/new": { label: "new_reward", icon: "gift" },
  "/manage/redemptions": { label: "requests", icon: "gift" },
  "/manage/webhooks": { label: "webhooks", icon: "send" },
};

type Action = { to: string; label: Word; icon: IconName; rewards?: true };

/** Each leads to where it is done: a dialog, or the part of a screen whose id comes behind the `#`. */
export const ACTIONS: Record<Audience, Action[]> = {
  manager: [
    { to: "/manage/members?invite", label: "invite", icon: "mail" },
    { to: "/manage/channels?new", label: "new_channel", icon: "channels" },
    { to: "/manage/campaigns?new", label: "new_campaign", icon: "campaign" },
    { to: "/manage/webhooks?new", label: "new_webhook", icon: "send" },
    { to: "/manage/reports", label: "export_reports", icon: "archive" },
    { to: "/manage/redemptions?status=requested", label: "fulfil", icon: "check", rewards: true },
    { to: "/manage/activities?archived=", label: "archived_activities", icon: "archive" },
    { to: "/manage/channels?archived=", label: "archived_channels", icon: "archive" },
    { to: "/manage/campaigns?archived=", label: "archived_campaigns", icon: "archive" },
    { to: "/manage/rewards?archived=", label: "archived_rewards", icon: "archive", rewards: true },
    { to: "/manage/program#basics", label: "program_basics", icon: "program" },
    { to: "/manage/program#points", label: "program_points", icon: "program" },
  ],
  member: [
    { to: "/settings#profile", label: "profile", icon: "person" },
    { to: "/settings#tiktok", label: "connect_tiktok", icon: "person" },
    { to: "/settings#push", label: "push", icon: "inbox" },
    { to: "/settings#mails", label: "mails", icon: "mail" },
    { to: "/settings#second-step", label: "second_step", icon: "lock" },
    { to: "/privacy#export", label: "export", icon: "copy" },
    { to: "/privacy#leave", label: "leave_program", icon: "leave" },
    { to: "/privacy#erase", label: "erase", icon: "trash" },
    { to: "/settings#sign-out", label: "sign_out_everywhere", icon: "leave" },
  ],
};

const OWN_NAMES = { en: "English", de: "Deutsch", es: "Español" };

type Who = { manager: boolean; rewards: boolean };
type Go = (to: string) => void;

export function screens({ manager, rewards }: Who, go: Go): Command[] {
  return SCREENS.flatMap(({ path, audience, nav, rewards: ofRewards }): Command[] => {
    const further = FURTHER[path];
    if ((!nav && !further) || (audience === "manager" && !manager) || (ofRewards && !rewards)) return [];
    return [
      {
        id: path,
        label: nav ? shared(nav.label).replaceAll("\u00ad", "") : t((further as Further).label), // where tabs may break it
        icon: nav?.icon ?? (further as Further).icon,
        hint: audience === "manager" ? shared("nav_manager_section") : "",
        run: () => go(path),
      },
    ];
  }).sort((one, other) => (manager ? Number(other.id.startsWith("/manage")) - Number(one.id.startsWith("/manage")) : 0));
}

export function actions({ manager, rewards }: Who, go: Go): Command[] {
  const led = [...(manager ? ACTIONS.manager : []), ...ACTIONS.member].filter((each) => rewards || !each.rewards);
  return [
    ...led.map(({ to, label, icon }): Command => ({ id: `to-${to}`, label: t(label), icon, run: () => go(to) })),
    ...THEMES.map((each): Command => ({ id: each, label: t(`theme_${each}`), icon: "settings", run: () => chooseTheme(each) })),
    ...LANGUAGES.map(
      (each): Command => ({
        id: each,
        label: t("language", { name: OWN_NAMES[each] }),
        icon: "globe",
        run: () => void chooseLanguage(each),
      }),
    ),
    {
      id: "sign-out",
      label: shared("sign_out"),
      icon: "leave",
      run: () => leave(() => void signOut().catch((error: unknown) => toastProblem(error))),
    },
  ];
}
