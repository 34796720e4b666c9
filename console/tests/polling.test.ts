import { describe, expect, test } from "vitest";
import { isOnItsWay, pollGap } from "../src/performances/polling";
import { tiktokAppLink } from "../src/performances/tiktok_app";

describe("asking what became of a video", () => {
  test("begins within a second and grows to twenty at most", () => {
    const gaps = Array.from({ length: 20 }, (_, answers) => pollGap(answers));
    expect(gaps[0]).toBe(1_000);
    expect(Math.max(...gaps)).toBe(20_000);
    for (const [index, gap] of gaps.entries()) expect(gap).toBeGreaterThanOrEqual(gaps[index - 1] ?? 0);
  });

  test("asks fewer than fifteen times in two minutes", () => {
    let [elapsed, asked] = [0, 0];
    while (elapsed < 120_000) elapsed += pollGap((asked += 1));
    expect(asked).toBeLessThan(15);
  });

  test("goes on only while it is on its way", () => {
    expect(["queued", "sending", "staged", "posted", "failed"].filter(isOnItsWay)).toEqual(["queued", "sending"]);
  });
});

test("TikTok's app is opened by its site, on Android by an intent that falls back to it", () => {
  expect(tiktokAppLink("iPhone")).toBe("https://www.tiktok.com/");
  expect(tiktokAppLink("Mozilla/5.0 (Linux; Android 15)")).toMatch(/^intent:.*browser_fallback_url=https%3A/);
});
