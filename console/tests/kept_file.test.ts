import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { keptFile } from "../src/videos/kept_file";

/** A database whose requests succeed, and whose transactions then end as `ending` says. */
let ending: "complete" | "abort" = "complete";

function request(result: unknown): EventTarget & { result: unknown } {
  const made = Object.assign(new EventTarget(), { result });
  queueMicrotask(() => made.dispatchEvent(new Event("success")));
  return made;
}

const opened = {
  close: () => undefined,
  transaction: () => {
    const error = ending === "abort" ? new DOMException("no room", "QuotaExceededError") : null;
    const made = Object.assign(new EventTarget(), {
      error,
      objectStore: () => ({ put: () => request("draft"), get: () => request(new File(["x"], "kept.mp4")) }),
    });
    // Later than its requests, as a browser finds out when it writes to the disk.
    setTimeout(() => made.dispatchEvent(new Event(ending)), 5);
    return made;
  },
};

beforeEach(() => vi.stubGlobal("indexedDB", { open: () => request(opened) }));
afterEach(() => vi.unstubAllGlobals());

test("a file counts as kept once it is written, not when the request was taken", async () => {
  ending = "complete";
  expect(await keptFile.write(new File(["x"], "spring.mp4"))).toBe(true);
  expect((await keptFile.read())?.name).toBe("kept.mp4");
  ending = "abort";
  expect(await keptFile.write(new File(["x"], "spring.mp4"))).toBe(false);
});
