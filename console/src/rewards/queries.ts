/** Rewards as members meet them: what is on offer, and their own requests. */
import { useInfiniteQuery, useQuery } from "@tanstack/preact-query";
import { answer, api, type Schemas } from "../foundation/api/client";
import { once } from "../foundation/api/idempotency";
import { asProblem } from "../foundation/api/problems";
import { OFFERS, REDEMPTIONS, rewardsChanged } from "./changed";

export type Offer = Schemas["OfferView"];
export type Redemption = Schemas["RedemptionView"];

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

const PRICE = ".at.";

/**
 * One key until an answer decides: a double tap or a second tab pays once. A request whose answer
 * was lost goes out again as it was, at its own price, for it may have been paid; where it was not,
 * `reward_changed` says so, and the price of now is asked for.
 */
export async function redeem({ reward_id, price }: Pick<Offer, "reward_id" | "price">): Promise<Redemption> {
  const ask = (): Promise<Redemption> =>
    once(
      `redeem.${reward_id}`,
      (key) =>
        answer(
          api.POST("/rewards/{reward_id}/redeem", {
            body: { price: Number(key.split(PRICE)[1] ?? price) },
            params: { path: { reward_id }, header: { "Idempotency-Key": key } },
          }),
        ),
      PRICE + price,
    );
  try {
    return await ask().catch((caught: unknown) => {
      const { code, body } = asProblem(caught);
      if (code === "reward_changed" && body.price === price) return ask();
      throw caught;
    });
  } finally {
    rewardsChanged();
  }
}
