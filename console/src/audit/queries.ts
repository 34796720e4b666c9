/** The audit trail as managers read it: pages of entries, and the names of whom they name. */
import { keepPreviousData, useInfiniteQuery, useQuery } from "@tanstack/preact-query";
import { answer, api, type Schemas } from "../foundation/api/client";

export type Entry = Schemas["EntryView"];
export type Kind = Schemas["Kind"];
export type Filter = { actor?: string; thing?: string; kind?: Kind; since?: string; until?: string };

/** Every kind of act, in the order in which they are chosen from. */
export const KINDS = [
  "program.created",
  "program.changed",
  "member.invited",
  "members.imported",
  "member.invited_again",
  "invitation.mailed_again",
  "invitation.not_mailed",
  "member.joined",
  "member.changed",
  "member.removed",
  "member.left",
  "invitation.declined",
  "member.erased",
  "member.erasure_ended",
  "member.data_asked",
  "profile.changed", "authenticator.reset",
  "channel.created",
  "channel.changed",
  "channel.members_added",
  "channel.member_removed",
  "channel.joined",
  "channel.left",
  "campaign.created",
  "campaign.changed",
  "upload.asked",
  "draft.created",
  "draft.removed",
  "agent.called",
  "activity.created",
  "activity.changed",
  "activity.duplicated",
  "activity.ended",
  "activity.archived",
  "activity.unarchived",
  "activity.published",
  "activity.rejected",
  "activity.expired",
  "activity.tried",
  "disclosure.acknowledged",
  "points.adjusted",
  "points.taken_back",
  "points.rebuilt",
  "reports.rebuilt",
  "picture.asked",
  "reward.created",
  "reward.changed",
  "redemption.fulfilled",
  "redemption.rejected",
  "export.asked",
  "account.connected",
  "account.disconnected",
  "account.released",
  "account.lapsed",
  "account.views_allowed",
  "account.views_ended",
  "webhook.created",
  "webhook.changed",
  "webhook.secret_renewed",
  "webhook.tested",
  "webhook.removed",
  "webhook.disabled",
] as const satisfies Kind[];

const PAGE = 25;
const MOST_NAMES = 100;

export function useEntries(filter: Filter) {
  return useInfiniteQuery({
    queryKey: ["audit", filter],
    initialPageParam: "",
    queryFn: ({ pageParam }) =>
      answer(
        api.GET("/audit", {
          params: { query: { limit: PAGE, ...(pageParam ? { cursor: pageParam } : {}), ...filter } },
        }),
      ),
    getNextPageParam: (last) => last.next_cursor ?? undefined,
  });
}

export function useEntry(id: string) {
  return useQuery({
    queryKey: ["audit", "entry", id],
    queryFn: () => answer(api.GET("/audit/{entry_id}", { params: { path: { entry_id: id } } })),
  });
}

/** Names that members have now. A person in no program any more has none. */
export function useNames(ids: string[]) {
  const wanted = [...new Set(ids)].sort().slice(-MOST_NAMES);
  const names = useQuery({
    queryKey: ["audit", "names", wanted],
    queryFn: () => answer(api.GET("/audit/names", { params: { query: { ids: wanted.join(",") } } })),
    enabled: wanted.length > 0,
    placeholderData: keepPreviousData,
  });
  return names.data?.names ?? {};
}
