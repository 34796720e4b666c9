/** Rewards and requests as managers see them. */
import { useInfiniteQuery, useQuery } from "@tanstack/preact-query";
import { answer, api, type Schemas } from "../foundation/api/client";
import { once } from "../foundation/api/idempotency";
import { queryClient } from "../foundation/api/queries";
import { t } from "../foundation/words.manager";
import { rewardsChanged } from "./changed";

export type RewardView = Schemas["RewardView"];
export type RequestView = Schemas["RequestView"];
export type Status = RequestView["status"];

const REWARDS = ["rewards"];
const REQUESTS = ["requests"];
const PAGE = 25;

const one = (id: string) => ["reward", id];
const at = (id: string) => ({ params: { path: { reward_id: id } } });

export function useRewards(archived: boolean) {
  return useInfiniteQuery({
    queryKey: [...REWARDS, archived],
    initialPageParam: "",
    queryFn: ({ pageParam }) =>
      answer(api.GET("/rewards", { params: { query: { limit: PAGE, archived, ...(pageParam ? { cursor: pageParam } : {}) } } })),
    getNextPageParam: (last) => last.next_cursor ?? undefined,
  });
}

export function useReward(id: string) {
  return useQuery({ queryKey: one(id), queryFn: () => answer(api.GET("/rewards/{reward_id}", at(id))) });
}

function took(reward: RewardView): RewardView {
  queryClient.setQueryData(one(reward.reward_id), reward);
  void queryClient.invalidateQueries({ queryKey: REWARDS });
  rewardsChanged();
  return reward;
}

export async function createReward(body: Schemas["NewReward"]): Promise<RewardView> {
  const made = await once(`reward.${JSON.stringify(body)}`, (key) =>
    answer(api.POST("/rewards", { body, params: { header: { "Idempotency-Key": key } } })),
  );
  return took(made);
}

export async function changeReward(id: string, body: Schemas["RewardChanges"]): Promise<RewardView> {
  return took(await answer(api.PATCH("/rewards/{reward_id}", { ...at(id), body })));
}

export function askPicture(content_type: Schemas["PictureType"]): Promise<Schemas["AskedPicture"]> {
  return answer(api.POST("/rewards/pictures", { body: { content_type } }));
}

export function useRequests(status: Status, enabled = true) {
  return useInfiniteQuery({
    queryKey: [...REQUESTS, status],
    enabled,
    initialPageParam: "",
    queryFn: ({ pageParam }) =>
      answer(
        api.GET("/redemptions/queue", { params: { query: { limit: PAGE, status, ...(pageParam ? { cursor: pageParam } : {}) } } }),
      ),
    getNextPageParam: (last) => last.next_cursor ?? undefined,
    refetchOnWindowFocus: "always",
  });
}

/** How many wait, as a text counts them; of a list that goes on, how many at least. */
export function useWaiting(): number | string {
  const { data, hasNextPage } = useRequests("requested");
  const count = data?.pages.flatMap((page) => page.items).length ?? 0;
  return hasNextPage ? t("or_more", { count }) : count;
}

const of = (id: string) => ({ params: { path: { redemption_id: id } } });

async function decided(call: Promise<RequestView>): Promise<RequestView> {
  try {
    return await call;
  } finally {
    void queryClient.invalidateQueries({ queryKey: REQUESTS });
    void queryClient.invalidateQueries({ queryKey: REWARDS });
    rewardsChanged();
  }
}

export function fulfil(id: string, body: Schemas["Fulfil"]): Promise<RequestView> {
  return decided(answer(api.POST("/redemptions/{redemption_id}/fulfil", { ...of(id), body })));
}

export function reject(id: string, reason: string): Promise<RequestView> {
  return decided(answer(api.POST("/redemptions/{redemption_id}/reject", { ...of(id), body: { reason } })));
}
