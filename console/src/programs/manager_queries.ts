/** Channels, campaigns and settings as managers need them: whole lists, for choosing from. */
import { useQuery } from "@tanstack/preact-query";
import { answer, api, type Schemas } from "../foundation/api/client";
import { queryClient } from "../foundation/api/queries";

export type ChannelView = Schemas["ChannelView"];
export type CampaignView = Schemas["CampaignView"];

export const CHANNELS = ["managed_channels"];
export const CAMPAIGNS = ["managed_campaigns"];
export const PROGRAM = ["program"];
const PAGE = 100;
/** A program has at most 1,000 channels; a listing without an end would be a fault. */
const MAX_PAGES = 20;

type Page<T> = { items: T[]; next_cursor: string | null };

async function allPages<T>(read: (query: { limit: number; cursor?: string }) => Promise<Page<T>>): Promise<T[]> {
  const items: T[] = [];
  let cursor: string | null = null;
  for (let pages = 0; pages < MAX_PAGES; pages += 1) {
    const page: Page<T> = await read({ limit: PAGE, ...(cursor ? { cursor } : {}) });
    items.push(...page.items);
    cursor = page.next_cursor;
    if (!cursor) break;
  }
  return items;
}

const byName = (one: { name: string }, other: { name: string }): number => one.name.localeCompare(other.name);

export function useManagedChannels() {
  return useQuery({
    queryKey: CHANNELS,
    queryFn: async () => (await allPages((query) => answer(api.GET("/channels", { params: { query } })))).sort(byName),
  });
}

export function useManagedCampaigns() {
  return useQuery({
    queryKey: CAMPAIGNS,
    queryFn: async () => (await allPages((query) => answer(api.GET("/campaigns", { params: { query } })))).sort(byName),
  });
}

export const readProgram = () => answer(api.GET("/program"));

export function useProgram() {
  return useQuery({ queryKey: PROGRAM, queryFn: readProgram });
}

/** Channels and campaigns are also shown to members. */
export function listsChanged(): void {
  for (const key of [CHANNELS, CAMPAIGNS, ["channels"], ["campaigns"]]) void queryClient.invalidateQueries({ queryKey: key });
}
