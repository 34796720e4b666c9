import { useInfiniteQuery, useQuery } from "@tanstack/preact-query";
import { api, answer, type Schemas } from "../foundation/api/client";
import { queryClient } from "../foundation/api/queries";
import { kept } from "../foundation/store";

export type FeedItem = Schemas["FeedItem"];
export type OwnFeedItem = Schemas["OwnFeedItem"];
type FeedPage = Schemas["Feed"];
type FeedPages = { pages: FeedPage[]; pageParams: (string | null)[] };

export const FEED = ["feed"];
const PAGE_SIZE = 12;
const LAST_FEED = "last_feed";

async function readFeed(campaignId: string | null, cursor: string | null): Promise<FeedPage> {
  const query = {
    limit: PAGE_SIZE,
    ...(cursor ? { cursor } : {}),
    ...(campaignId ? { campaign_id: campaignId } : {}),
  };
  const page = await answer(api.GET("/feed", { params: { query } }));
  if (!campaignId && !cursor) keepForOffline(page);
  return page;
}

/** The first page is kept to be read offline, without the addresses of the videos: they are secrets. */
function keepForOffline(page: FeedPage): void {
  const items = page.items.map((item) => ({
    ...item,
    video: { ...item.video, preview_url: null, preview_expires_at: null },
  }));
  kept.write(LAST_FEED, { items, next_cursor: null } satisfies FeedPage);
}

export function lastFeed(): FeedItem[] {
  return kept.read<FeedPage>(LAST_FEED)?.items ?? [];
}

export function feedQuery(campaignId: string | null) {
  return {
    queryKey: [...FEED, campaignId],
    queryFn: ({ pageParam }: { pageParam: string | null }) => readFeed(campaignId, pageParam),
    initialPageParam: null as string | null,
    getNextPageParam: (page: FeedPage) => page.next_cursor,
  };
}

export const useFeed = (campaignId: string | null) => useInfiniteQuery(feedQuery(campaignId));

/** One activity, as long as it is open to the caller: also performed or dismissed. */
export function readOffered(activityId: string): Promise<OwnFeedItem> {
  return answer(api.GET("/feed/{activity_id}", { params: { path: { activity_id: activityId } } }));
}

export function useOffered(activityId: string | null) {
  return useQuery({
    queryKey: ["offered", activityId],
    queryFn: () => readOffered(activityId ?? ""),
    enabled: activityId !== null,
    staleTime: 0,
  });
}

export function useCampaigns(enabled: boolean) {
  return useQuery({
    queryKey: ["campaigns"],
    queryFn: () => answer(api.GET("/campaigns", { params: { query: { limit: 100 } } })),
    enabled,
    staleTime: 300_000,
    retry: false,
  });
}

/** Removes an item from every cached feed; returns a function that puts it back. */
export function takeOutOfFeed(activityId: string): () => void {
  const before = queryClient.getQueriesData<FeedPages>({ queryKey: FEED });
  queryClient.setQueriesData<FeedPages>({ queryKey: FEED }, (feed) =>
    feed
      ? {
          ...feed,
          pages: feed.pages.map((page) => ({
            ...page,
            items: page.items.filter((item) => item.activity_id !== activityId),
          })),
        }
      : feed,
  );
  return () => {
    for (const [key, data] of before) queryClient.setQueryData(key, data);
  };
}

export const dismiss = (activityId: string) =>
  answer(api.POST("/activities/{activity_id}/dismiss", { params: { path: { activity_id: activityId } } }));

export const undismiss = (activityId: string) =>
  answer(api.DELETE("/activities/{activity_id}/dismiss", { params: { path: { activity_id: activityId } } }));
