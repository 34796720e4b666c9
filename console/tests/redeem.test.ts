import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { signedIn } from "../src/foundation/session/session";
import { redeem } from "../src/rewards/queries";

const asked: { key: string; price: number }[] = [];
const lost = (): never => {
  throw new TypeError("Failed to fetch");
};
const made = (): Response => Response.json({ redemption_id: "rdm_1" }, { status: 201 });
const costs = (price: number) => (): Response => Response.json({ code: "reward_changed", detail: "", price }, { status: 409 });
let answers: (() => Response)[] = [];
let rewards = 0;

beforeEach(() => {
  rewards += 1;
  asked.length = 0;
  vi.stubGlobal("navigator", { onLine: true, languages: [] });
  vi.stubGlobal("fetch", async (url: string, init?: RequestInit) => {
    if (String(url) === "/config.json") return Response.json({ api_base: "/v1" });
    asked.push({ key: new Headers(init?.headers).get("Idempotency-Key") ?? "", ...JSON.parse(String(init?.body)) });
    return (answers.shift() ?? made)();
  });
  signedIn({ id_token: "a.eyJzdWIiOiJtZSJ9.c", expires_at: new Date(Date.now() + 3_600_000).toISOString() });
});

afterEach(() => vi.unstubAllGlobals());

const at = (price: number) => redeem({ reward_id: `rwd_${rewards}`, price });

test("a reward whose answer was lost is asked for again with the same key and price, whatever it costs now", async () => {
  answers = [lost];
  await expect(at(5)).rejects.toMatchObject({ code: "no_answer" });
  await expect(at(6)).resolves.toMatchObject({ redemption_id: "rdm_1" });
  expect(asked.map(({ price }) => price)).toEqual([5, 5]);
  expect(asked[1]?.key).toBe(asked[0]?.key);
});

test("one that was not paid is then asked for at its new price, with another key", async () => {
  answers = [lost, costs(6)];
  await expect(at(5)).rejects.toMatchObject({ code: "no_answer" });
  await at(6);
  expect(asked.map(({ price }) => price)).toEqual([5, 5, 6]);
  expect(asked[2]?.key).not.toBe(asked[1]?.key);
});

test("nobody pays a price that they have not seen", async () => {
  answers = [costs(7)];
  await expect(at(6)).rejects.toMatchObject({ code: "reward_changed" });
  expect(asked).toHaveLength(1);
});
