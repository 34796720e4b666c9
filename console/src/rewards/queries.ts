/** Rewards as members meet them: what is on offer, and their own requests. */
import { useInfiniteQuery, useQuery } from "@tanstack/preact-query";
import { answer, api, type Schemas } from "../foundation/api/client";
import { once } from "../foundation/api/idempotency";
import { queryClient } from "../foundation/api/queries";
import { ME } from "../me/queries";

export type Offer = Schemas["OfferView"];
export type Redemption = Schemas["RedemptionView"];

const OFFERS = ["offers"];
const REDEMPTIONS = ["redemptions"];
const PAGE = 20;

export function useOffers() {
  return useQuery({ queryKey: OFFERS, queryFn: () => answer(api.GET("/offers")) });
}

/** How one stands to a reward: how many one has, and what one can spend. */
export function useOffer(rewardId: string) {
  return useQuery({
    queryKey: [...OFFERS, rewardId],
    queryFn: () => answer(api.GET("/offers/{reward_id}", { params: { path: { reward_id: rewardId } } })),
    staleTime: 0,
  });
}

export function useRedemptions() {
  return useInfiniteQuery({
    queryKey: REDEMPTIONS,
    queryFn: ({ pageParam }) =>
      answer(api.GET("/redemptions", { params: { query: { limit: PAGE, ...(pageParam ? { cursor: pageParam } : {}) } } })),
    initialPageParam: null as string | null,
    getNextPageParam: (page) => page.next_cursor,
    refetchOnWindowFocus: "always",
  });
}

export function rewardsChanged(): void {
  for (const key of [OFFERS, REDEMPTIONS, ME, ["ledger"]]) void queryClient.invalidateQueries({ queryKey: key });
}

/** One key until an answer decides: a double tap or a second tab pays once. */
export async function redeem({ reward_id, price }: Pick<Offer, "reward_id" | "price">): Promise<Redemption> {
  try {
    return await once(`redeem.${reward_id}`, (key) =>
      answer(
        api.POST("/rewards/{reward_id}/redeem", {
          body: { price },
          params: { path: { reward_id }, header: { "Idempotency-Key": key } },
        }),
      ),
    );
  } finally {
    rewardsChanged();
  }
}
