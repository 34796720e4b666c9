import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { isOfRewards } from "../src/rewards/switch";

type Api = { components: { schemas: Record<"EventType" | "Kind", { enum: string[] }> } };

test("of all events and acts those of rewards are known as such, and no others", () => {
  const { EventType, Kind } = (JSON.parse(readFileSync(new URL("../../openapi.json", import.meta.url), "utf-8")) as Api).components.schemas;
  const decided = ["redemption.fulfilled", "redemption.rejected"];
  expect(EventType.enum.filter(isOfRewards).sort()).toEqual([...decided, "reward.offered", "reward.redeemed", "reward.withdrawn"]);
  expect(Kind.enum.filter(isOfRewards).sort()).toEqual(["picture.asked", ...decided, "reward.changed", "reward.created"]);
});
