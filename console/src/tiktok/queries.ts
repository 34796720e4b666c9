import { useQuery } from "@tanstack/preact-query";
import { answer, api, type Schemas } from "../foundation/api/client";
import { asProblem } from "../foundation/api/problems";

export type Account = Schemas["AccountView"];
export const ACCOUNT = ["tiktok_account"];

/** The connected account; null when there is none. */
export function useAccount() {
  return useQuery({
    queryKey: ACCOUNT,
    queryFn: async (): Promise<Account | null> => {
      try {
        return await answer(api.GET("/tiktok/account"));
      } catch (error) {
        if (asProblem(error).code === "not_found") return null;
        throw error;
      }
    },
    refetchOnWindowFocus: "always",
  });
}

export async function beginToConnect(): Promise<string> {
  return (await answer(api.POST("/tiktok/connect"))).authorize_url;
}

export const disconnect = () => answer(api.DELETE("/tiktok/account"));
