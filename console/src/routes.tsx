/** Every screen, a line each. A screen is the default export of its module, loaded when it is opened. */
import { lazy } from "preact-iso";
import type { ComponentType } from "preact";
import FeedScreen from "./activities/FeedScreen";
import { orFailure } from "./foundation/later";
import type { IconName } from "./foundation/ui/Icon";
import { type Bundle, withWords } from "./foundation/words";
import type en from "./foundation/words.en";

type Module = { default: ComponentType };
type Load = () => Promise<Module>;
type Nav = { label: keyof typeof en; icon: IconName };

export type Screen = {
  path: string;
  audience: "member" | "manager";
  /** In the navigation, in this order; screens without are reached from others. */
  nav?: Nav | undefined;
  /** Of rewards: not there for a program that has none. */
  rewards: boolean;
  load: Load;
  component: ComponentType;
};

function screen(audience: Screen["audience"], words: Bundle[], path: string, load: Load, nav?: Nav): Screen {
  const loadAll = withWords(load, ...words);
  const rewards = /\/rewards(\/|$)/.test(path);
  return { path, audience, nav, rewards, load: loadAll, component: lazy(orFailure(loadAll)) };
}

/** The screen that comes with the first file. */
function first(path: string, component: ComponentType, nav: Nav): Screen {
  return { path, audience: "member", nav, rewards: false, load: () => Promise.resolve({ default: component }), component };
}

/** `own`: the bundles of words that the screen needs beside those of all further screens. */
function member(path: string, load: Load, nav: Nav | undefined, ...own: Bundle[]): Screen {
  return screen("member", ["further", ...own], path, load, nav);
}

function manager(path: string, load: Load, nav?: Nav, ...own: Bundle[]): Screen {
  return screen("manager", ["further", "manager", ...own], path, load, nav);
}

export const SCREENS: Screen[] = [
  first("/", FeedScreen, { label: "nav_feed", icon: "feed" }),
  member("/history", () => import("./performances/HistoryScreen"), { label: "nav_history", icon: "history" }, "sends"),
  member("/leaderboard", () => import("./points/LeaderboardScreen"), { label: "nav_leaderboard", icon: "leaderboard" }, "mine"),
  member("/rewards", () => import("./rewards/RewardsScreen"), { label: "nav_rewards", icon: "gift" }, "mine"),
  member("/notifications", () => import("./notifications/NotificationsScreen"), undefined, "notices"),
  member("/points", () => import("./points/PointsScreen"), undefined, "mine"),
  member("/channels", () => import("./programs/ChannelsScreen"), { label: "nav_channels", icon: "channels" }, "mine"),
  member("/settings", () => import("./me/SettingsScreen"), { label: "nav_settings", icon: "settings" }, "settings"),
  member("/privacy", () => import("./privacy/PrivacyScreen"), undefined, "mine"),
  member("/connected", () => import("./tiktok/ConnectedScreen"), undefined, "sends"),
  manager("/manage", () => import("./programs/OverviewScreen"), { label: "nav_manage", icon: "sparkle" }, "program"),
  manager("/manage/activities", () => import("./activities/ActivitiesScreen"), { label: "nav_activities", icon: "activities" }),
  manager("/manage/activities/new", () => import("./activities/NewActivityScreen")),
  manager("/manage/activities/:id", () => import("./activities/ActivityScreen")),
  manager("/manage/activities/:id/report", () => import("./reports/ActivityReportScreen"), undefined, "office"),
  manager("/manage/reports", () => import("./reports/ReportsScreen"), { label: "nav_reports", icon: "leaderboard" }, "office"),
  manager("/manage/reports/members", () => import("./reports/MemberReportsScreen"), undefined, "office"),
  manager("/manage/members", () => import("./programs/MembersScreen"), { label: "nav_members", icon: "people" }, "program"),
  manager("/manage/members/import", () => import("./programs/ImportScreen"), undefined, "program"),
  manager("/manage/channels", () => import("./programs/ManageChannelsScreen"), { label: "nav_manage_channels", icon: "channels" }, "program"),
  manager("/manage/channels/:id", () => import("./programs/ChannelScreen"), undefined, "program"),
  manager("/manage/campaigns", () => import("./programs/CampaignsScreen"), { label: "nav_campaigns", icon: "campaign" }, "program"),
  manager("/manage/campaigns/:id", () => import("./reports/CampaignReportScreen"), undefined, "office"),
  manager("/manage/rewards", () => import("./rewards/ManageRewardsScreen"), { label: "nav_manage_rewards", icon: "gift" }, "office"),
  manager("/manage/rewards/new", () => import("./rewards/NewRewardScreen"), undefined, "office", "mine"),
  manager("/manage/rewards/:id", () => import("./rewards/RewardScreen"), undefined, "office", "mine"),
  manager("/manage/redemptions", () => import("./rewards/RedemptionsScreen"), undefined, "office"),
  manager("/manage/webhooks", () => import("./webhooks/WebhooksScreen"), undefined, "office"),
  manager("/manage/program", () => import("./programs/ProgramScreen"), { label: "nav_program", icon: "program" }, "program"),
  manager("/manage/audit", () => import("./audit/AuditScreen"), { label: "nav_audit", icon: "history" }, "office"),
];

export function navigation(audience: Screen["audience"], rewards: boolean): (Screen & { nav: Nav })[] {
  return SCREENS.filter(
    (each): each is Screen & { nav: Nav } =>
      each.audience === audience && each.nav !== undefined && (rewards || !each.rewards),
  );
}
