import { describe, expect, test } from "vitest";
import { containerOf, judge, LIMITS } from "../src/videos/precheck";
import { stopCodeOf } from "../src/videos/send_form";

const bytes = (text: string): Uint8Array => Uint8Array.from(text, (character) => character.charCodeAt(0));

describe("a container is told from its content", () => {
  test.each([
    ["mp4", "\0\0\0\x20ftypisom"],
    ["mp4", "\0\0\0\x18ftypmp42"],
    ["mov", "\0\0\0\x14ftypqt  "],
    ["mov", "\0\0\0\x08wide\0\0\0\0mdat"],
    ["webm", "\x1a\x45\xdf\xa3\x9f\x42\x86webm"],
    ["matroska", "\x1a\x45\xdf\xa3\x9f\x42\x86matroska"],
    ["other", "\x89PNG\r\n"],
    ["other", "%PDF-1.7"],
    ["unknown", "hello"],
  ])("%s", (container, head) => {
    expect(containerOf(bytes(head))).toBe(container);
  });
});

describe("before a byte is sent", () => {
  const codes = (size: number, seen: Parameters<typeof judge>[1]): string[] => judge(size, seen).map(({ code }) => code);

  test("all problems are found at once", () => {
    expect(codes(LIMITS.bytes + 1, { container: "mov", seconds: 61, width: 300, height: 5000 })).toEqual([
      "file_too_large",
      "unsupported_container",
      "too_long",
      "resolution_too_low",
      "resolution_too_high",
    ]);
  });

  test("an empty file has that one problem", () => {
    expect(codes(0, { container: "unknown" })).toEqual(["empty_file"]);
  });

  test("what is at the limits passes, with the tolerance that the server has", () => {
    expect(codes(LIMITS.bytes, { container: "mp4", seconds: 60.09, width: 540, height: 4096 })).toEqual([]);
    expect(codes(1, { container: "webm", seconds: 2.95, width: 960, height: 540 })).toEqual([]);
    expect(codes(1, { container: "mp4", seconds: 60.2 })).toEqual(["too_long"]);
  });

  test("what this browser cannot tell is left to the server", () => {
    expect(codes(1000, { container: "unknown" })).toEqual([]);
    expect(codes(1000, { container: "mp4" })).toEqual([]);
  });
});

test("the storage's refusals are told apart by its code", () => {
  expect(stopCodeOf(400, "<Error><Code>EntityTooLarge</Code></Error>")).toBe("too_large");
  expect(stopCodeOf(400, "<Error><Code>EntityTooSmall</Code></Error>")).toBe("empty");
  expect(stopCodeOf(403, "<Error><Code>AccessDenied</Code><Message>Invalid according to Policy: Policy expired.</Message></Error>")).toBe("form_expired");
  expect(stopCodeOf(403, "<Error><Code>SignatureDoesNotMatch</Code></Error>")).toBe("form_refused");
  expect(stopCodeOf(503, "garbage")).toBe("broken");
});
