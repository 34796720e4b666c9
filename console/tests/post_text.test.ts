import { expect, test } from "vitest";
import { KEPT_FOR_DISCLOSURE, postText, postUnits, readHashtags } from "../src/activities/post_text";

test("a post's text is caption, hashtags and disclosure, a line each, and no empty ones", () => {
  expect(postText("Look at this ", ["#one", "#two"], "#ad")).toBe("Look at this\n#one #two\n#ad");
  expect(postText("", ["#one"], "")).toBe("#one");
  expect(postText(" ", [], "")).toBe("");
});

test("length is counted in UTF-16 units, as TikTok does: an emoji is two", () => {
  expect(postUnits("hello", [], "")).toBe(5);
  expect(postUnits("👋", [], "")).toBe(2);
  expect(postUnits("👨‍👩‍👧", ["#a"], "#ad")).toBe(8 + 1 + 2 + 1 + 3);
});

test("for the program's own line the room of the longest is kept, as it may change at any time", () => {
  expect(postUnits("hello", [], null)).toBe(5 + 1 + KEPT_FOR_DISCLOSURE);
});

test("hashtags are read with and without #, each once in whatever case", () => {
  expect(readHashtags("#NewJob newjob, coffee;#Ünïcode #one#two")).toEqual({
    hashtags: ["#NewJob", "#coffee", "#Ünïcode", "#one", "#two"],
    refused: [],
  });
});

test("what cannot be a hashtag is named", () => {
  expect(readHashtags("#good no-good #emoji👋")).toEqual({ hashtags: ["#good"], refused: ["no-good", "emoji👋"] });
  expect(readHashtags("x".repeat(101)).refused).toHaveLength(1);
});
