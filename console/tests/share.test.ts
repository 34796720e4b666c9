import { describe, expect, test } from "vitest";
import { shares } from "../src/performances/share";

const FILE = new File(["x"], "video.mp4", { type: "video/mp4" });
const share = (): Promise<void> => Promise.resolve();

describe("sharing a video from this device", () => {
  test("is offered where the browser says that it takes this file, and asked for the file alone", () => {
    const asked: unknown[] = [];
    const canShare = (data?: ShareData): boolean => asked.push(data) > 0;
    expect(shares(FILE, { share, canShare })).toBe(true);
    expect(asked).toEqual([{ files: [FILE] }]);
  });

  test.each([
    ["no way to share", {}],
    ["no way to ask", { share }],
    ["no files", { share, canShare: () => false }],
    [
      "a browser that throws",
      {
        share,
        canShare: () => {
          throw new TypeError();
        },
      },
    ],
  ])("is not offered with %s", (_, by) => {
    expect(shares(FILE, by)).toBe(false);
  });
});
