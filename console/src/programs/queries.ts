import { useInfiniteQuery } from "@tanstack/preact-query";
import { api, answer, type Schemas } from "../foundation/api/client";

export type Channel = Schemas["ChannelView"];

export const CHANNELS = ["channels"];

/** All channels that the caller may see: for managers all, for members public ones and their own. */
export function useChannels() {
  return useInfiniteQuery({
    queryKey: CHANNELS,
    queryFn: ({ pageParam }) =>
      answer(api.GET("/channels", { params: { query: { limit: 50, ...(pageParam ? { cursor: pageParam } : {}) } } })),
    initialPageParam: null as string | null,
    getNextPageParam: (page) => page.next_cursor,
  });
}

const path = (channelId: string) => ({ params: { path: { channel_id: channelId } } });

export const joinChannel = (channelId: string) =>
  answer(api.PUT("/channels/{channel_id}/members/me", path(channelId)));

export const leaveChannel = (channelId: string) =>
  answer(api.DELETE("/channels/{channel_id}/members/me", path(channelId)));
