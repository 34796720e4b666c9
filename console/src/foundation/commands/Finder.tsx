/** Finds things of the program by the name that a manager types; the menu draws them. */
import { useInfiniteQuery, useQuery } from "@tanstack/preact-query";
import { useEffect, useMemo, useState } from "preact/hooks";
import { useManagedCampaigns, useManagedChannels } from "../../programs/manager_queries";
import { answer, api } from "../api/client";
import type { IconName } from "../ui/Icon";
import { t } from "../words.commands";
import type { Command, Group, Thing } from "./command";
import { fits } from "./fits";

export type Findings = {
  groups: Group[];
  busy: boolean;
  error: unknown;
  /** How many of the newest activities were looked at, where there are more. */
  lookedAt: number | undefined;
};

const TYPING_MS = 200;
const MOST = 5;
const PAGE = 50;
/** The API finds no activity by its words: they are read, newest first, until enough are found. */
const MOST_PAGES = 10;

function useTyped(text: string): string {
  const [settled, setSettled] = useState("");
  useEffect(() => {
    const timer = setTimeout(() => setSettled(text.trim()), TYPING_MS);
    return () => clearTimeout(timer);
  }, [text]);
  return settled;
}

type Row = { id: string; label: string; hint?: string; to: string; listed?: string };
type Props = {
  typed: string;
  rewards: boolean;
  go: (to: string) => void;
  /** Shows the actions of a thing. */
  show: (thing: Thing) => void;
  onFound: (findings: Findings) => void;
};

export default function Finder({ typed: typing, rewards: on, go, show, onFound }: Props) {
  const typed = useTyped(typing);
  const enabled = typed.length > 1;
  const people = useQuery({
    queryKey: ["members", "command", typed],
    enabled,
    queryFn: () => answer(api.GET("/members", { params: { query: { limit: MOST, ...(typed.includes("@") ? { email: typed } : { name: typed }) } } })),
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
  const rewards = useQuery({
    queryKey: ["rewards", "command"],
    enabled: enabled && on,
    queryFn: () => answer(api.GET("/rewards", { params: { query: { limit: 100, archived: false } } })),
  });
  const webhooks = useQuery({ queryKey: ["webhooks", "command"], enabled, queryFn: () => answer(api.GET("/webhooks")) });

  const read = activities.data?.pages.flatMap(({ items }) => items) ?? [];
  const fitting = enabled ? read.filter((each) => fits(each.instructions, typed)) : [];
  const goesOn = enabled && fitting.length < MOST && activities.hasNextPage && !activities.isFetching && !activities.error;
  useEffect(() => {
    if (goesOn) void activities.fetchNextPage();
  }, [goesOn]);
  const isOver = !activities.hasNextPage || activities.error;
  const isCut = enabled && fitting.length < MOST && isOver && activities.data?.pages.at(-1)?.next_cursor;
  const queries = [people, activities, channels, campaigns, rewards, webhooks];
  const busy = typing.trim() !== typed || (enabled && (goesOn || queries.some((each) => each.isFetching && !each.data) || activities.isFetchingNextPage));

  const group = (title: string, icon: IconName, rows: Row[]): Group => ({
    title,
    commands: rows
      .filter(({ label, hint = "" }) => fits(`${label} ${hint}`, typed))
      .slice(0, MOST)
      .flatMap(({ id, label, hint = "", to, listed = to }): Command[] => [
        { id, label, hint, icon, run: () => go(to) },
        {
          id: `actions-${id}`,
          label: t("actions_of", { name: label }),
          icon: "more",
          run: () => show({ name: label, at: listed }),
        },
      ]),
  });
  const findings: Findings = {
    groups: enabled
      ? [
          group(
            t("found_activities"),
            "activities",
            fitting.map(({ activity_id: id, instructions: label }) => ({ id, label, to: `/manage/activities/${id}` })),
          ),
          group(
            t("found_members"),
            "person",
            (people.data?.items ?? []).map(({ member_id: id, name: label, email: hint }) => ({
              ...{ id, label, hint },
              to: `/manage/members?search=${encodeURIComponent(hint)}`,
            })),
          ),
          group(
            t("found_channels"),
            "channels",
            (channels.data ?? []).map(({ channel_id: id, name: label, archived }) => ({
              ...{ id, label, to: `/manage/channels/${id}` },
              listed: `/manage/channels${archived ? "?archived=" : ""}`,
            })),
          ),
          group(
            t("found_campaigns"),
            "campaign",
            (campaigns.data ?? []).map(({ campaign_id: id, name: label, archived }) => ({
              ...{ id, label, to: `/manage/campaigns/${id}` },
              listed: `/manage/campaigns${archived ? "?archived=" : ""}`,
            })),
          ),
          group(
            t("found_rewards"),
            "gift",
            (rewards.data?.items ?? []).map(({ reward_id: id, title: label }) => ({ id, label, to: `/manage/rewards/${id}` })),
          ),
          group(
            t("found_webhooks"),
            "send",
            (webhooks.data?.items ?? []).map(({ webhook_id: id, name: label }) => ({ id, label, to: "/manage/webhooks" })),
          ),
        ]
      : [],
    busy,
    error: queries.find((each) => each.error)?.error,
    lookedAt: isCut ? read.length : undefined,
  };
  const words = JSON.stringify([findings.groups, busy, findings.error ? String(findings.error) : "", findings.lookedAt]);
  const settled = useMemo(() => findings, [words]);
  useEffect(() => onFound(settled), [settled]);
  return null;
}
