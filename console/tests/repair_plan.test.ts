import { describe, expect, test } from "vitest";
import { LIMITS, type VideoProblem } from "../src/videos/precheck";
import {
  type Abilities,
  type Choices,
  cannotDoWithout,
  defaultPart,
  encodedSize,
  type Facts,
  OBSTACLES,
  offer,
  type Plan,
  plan,
  QUALITIES,
  type Repair,
  STEPS,
  steadyRate,
} from "../src/videos/repair_plan";

type Picture = NonNullable<Facts["picture"]>;

const PICTURE: Picture = {
  codec: "avc",
  width: 1080,
  height: 1920,
  turned: false,
  frameRate: 30,
  bitrate: 5_000_000,
  decodable: true,
  cuts: [],
};
const SOUND = { codec: "aac", decodable: true, bitrate: 128_000 };
const GOOD: Facts = { bytes: 10_000_000, container: "mp4", start: 0, end: 15, picture: PICTURE, sound: SOUND, sideTracks: 0 };
const able = (pictures: Abilities["pictures"]["high"], sounds: Abilities["sounds"]): Abilities => ({
  pictures: { high: pictures, medium: pictures, low: pictures },
  sounds,
});
const ALL = able(["avc", "vp9", "vp8"], ["aac", "opus"]);
const NO_AAC = able(["avc", "vp9", "vp8"], ["opus"]);
const NOTHING = able([], []);

function planned(facts: Facts, abilities = ALL, choices: Partial<Choices> = {}, named: VideoProblem[] = []): Plan {
  return plan(facts, abilities, { ...defaultPart(facts), quality: "high", ...choices }, named);
}

function repair(...of: Parameters<typeof planned>): Repair {
  const found = planned(...of);
  if (found.kind !== "repair") throw new Error(JSON.stringify(found));
  return found;
}

const problem = (code: VideoProblem["code"]): VideoProblem => ({ code, actual: null, limit: "" });
const pictured = (changed: Partial<Picture>, facts: Partial<Facts> = {}): Facts => ({ ...GOOD, ...facts, picture: { ...PICTURE, ...changed } });

describe("what is copied, without loss", () => {
  test("a phone's MOV, turned or not, becomes an MP4", () => {
    const found = repair(pictured({ codec: "hevc", turned: true, decodable: false }, { container: "mov" }), NOTHING);
    expect(found).toMatchObject({ container: "mp4", picture: "copy", sound: "copy", steps: ["container"] });
  });

  test("Matroska becomes what its codecs belong in", () => {
    expect(repair({ ...GOOD, container: "other" }).container).toBe("mp4");
    const webm = repair(pictured({ codec: "vp9" }, { container: "other", sound: { ...SOUND, codec: "opus" } }), NO_AAC);
    expect(webm).toMatchObject({ container: "webm", picture: "copy", sound: "copy" });
  });

  test("a sound that players of MP4 may not know is encoded beside a copied picture", () => {
    const facts: Facts = { ...GOOD, container: "mov", sound: { ...SOUND, codec: "pcm-s16" } };
    expect(repair(facts)).toMatchObject({ container: "mp4", picture: "copy", sound: "aac" });
    expect(repair(facts, NO_AAC)).toMatchObject({ container: "webm", picture: { codec: "vp9" }, sound: "opus" });
  });

  test("a start near a clean key frame is moved to it, any other is encoded", () => {
    const facts = pictured({ cuts: [0, 10, 20] }, { end: 70, bytes: 30_000_000, container: "mov" });
    expect(repair(facts, ALL, { start: 9.7, end: 60 })).toMatchObject({ picture: "copy", start: 10, end: 60 });
    expect(repair(facts, ALL, { start: 14, end: 60 })).toMatchObject({ picture: { codec: "avc" }, start: 14, end: 60 });
  });

  test("where the picture cannot be decoded, the start is the key frame before", () => {
    const facts = pictured({ codec: "hevc", decodable: false, cuts: [0, 10, 20] }, { end: 70, container: "mov" });
    expect(repair(facts, NOTHING, { start: 14, end: 60 })).toMatchObject({ picture: "copy", start: 10, end: 60 });
  });

  test("a cut may be all that a large file needs", () => {
    const facts = pictured({ bitrate: 4_500_000 }, { end: 120, bytes: 70_000_000 });
    expect(repair(facts)).toMatchObject({ picture: "copy", steps: ["trim"] });
    expect(repair(facts).bytes).toBeLessThan(LIMITS.bytes);
  });
});

describe("what is encoded anew", () => {
  test.each([
    [15, 30],
    [10, 30],
    [12, 24],
    [20, 40],
    [22.4, 30],
    [120, 60],
    [240, 60],
    [119.88, 59.94],
    [90, 45],
    [75, 37.5],
    [67.3, 30],
    [0.5, 30],
  ])("%d frames per second become %d", (rate, expected) => {
    expect(steadyRate(rate)).toBeCloseTo(expected, 2);
  });

  test("a rate within the limits is left as it is", () => {
    for (const rate of [22.9, 23.976, 25, 59.94, 60.1]) expect(planned(pictured({ frameRate: rate })).kind).toBe("nothing");
  });

  test("an odd size alone is no fault, and goes with any other repair", () => {
    expect(planned(pictured({ width: 721, height: 1281 })).kind).toBe("nothing");
    const found = repair(pictured({ width: 721, height: 1281 }, { container: "mov" }));
    expect(found).toMatchObject({ steps: ["container", "even"], picture: { width: 720, height: 1280 } });
  });

  test("an unknown picture that the browser decodes is encoded, one that it does not is not", () => {
    expect(repair(pictured({ codec: "av1" })).picture).toMatchObject({ codec: "avc" });
    expect(planned(pictured({ codec: "prores", decodable: false }))).toEqual({ kind: "impossible", obstacles: ["cannot_decode"] });
  });

  test("a browser that encodes nothing says so, and one without AAC makes WebM", () => {
    expect(planned(pictured({ frameRate: 15 }), NOTHING)).toEqual({ kind: "impossible", obstacles: ["cannot_encode"] });
    const facts = pictured({ frameRate: 15 }, { sound: { ...SOUND, codec: "vorbis" } });
    expect(repair(facts, NO_AAC)).toMatchObject({ container: "webm", picture: { codec: "vp9" }, sound: "copy" });
    expect(planned({ ...facts, sound: { codec: null, decodable: false, bitrate: null } })).toEqual({
      kind: "impossible",
      obstacles: ["cannot_encode_sound"],
    });
  });

  test("what the server could not examine is encoded whatever is seen in it", () => {
    expect(repair(GOOD, ALL, {}, [problem("could_not_be_examined")])).toMatchObject({ steps: ["anew"], picture: { codec: "avc" } });
    expect(repair(GOOD, ALL, {}, [problem("length_mismatch")])).toMatchObject({ steps: ["index"], picture: "copy" });
  });

  test("what the server says is believed where this browser sees nothing of it", () => {
    expect(repair(GOOD, ALL, {}, [problem("unsupported_container")])).toMatchObject({ steps: ["container"], picture: "copy" });
    expect(repair(GOOD, ALL, {}, [problem("frame_rate_too_low")]).picture).toMatchObject({ frameRate: 30 });
    expect(repair(GOOD, ALL, {}, [problem("unsupported_codec")]).picture).toMatchObject({ codec: "avc" });
  });

  test("a result at the edge of the rates is encoded at one within them", () => {
    const facts = pictured({ frameRate: 60.24 }, { container: "mov" });
    expect(repair(facts, ALL, { encodeAnew: true }).picture).toMatchObject({ frameRate: 60 });
    expect(repair(pictured({ frameRate: 30 }, { container: "mov" }), ALL, { encodeAnew: true }).picture).toMatchObject({ frameRate: undefined });
  });

  test("a lower quality is never larger", () => {
    const facts = pictured({ bitrate: 40_000_000 }, { bytes: 90_000_000, end: 18 });
    const sizes = QUALITIES.map((quality) => repair(facts, ALL, { quality }).bytes);
    expect(sizes).toEqual([...sizes].sort((one, other) => other - one));
  });
});

describe("what is not repaired, and why", () => {
  test.each([
    ["too_small", pictured({ width: 854, height: 480 }, { container: "mov" })],
    ["too_narrow", pictured({ width: 6000, height: 600 })],
    ["too_short", { ...GOOD, container: "mov", end: 2 } as Facts],
    ["no_picture", { ...GOOD, picture: null } as Facts],
    ["still_picture", pictured({ frameRate: null })],
  ])("%s", (obstacle, facts) => {
    expect(planned(facts)).toEqual({ kind: "impossible", obstacles: [obstacle] });
  });

  test("damage that the server found is not hidden by a repair", () => {
    expect(planned({ ...GOOD, container: "mov" }, ALL, {}, [problem("damaged")])).toEqual({ kind: "impossible", obstacles: ["damaged"] });
  });

  test("a problem alone already says what can be offered", () => {
    expect(offer([problem("unsupported_container"), problem("too_long")])).toEqual({ steps: ["container", "trim"], obstacles: [] });
    expect(offer([problem("resolution_too_low"), problem("too_long")])).toEqual({ steps: ["trim"], obstacles: ["too_small"] });
    expect(cannotDoWithout(["container", "trim"], false)).toEqual([]);
    expect(cannotDoWithout(["frame_rate"], false)).toEqual(["cannot_encode"]);
    expect(cannotDoWithout(["frame_rate"], true)).toEqual([]);
  });
});

/** The same numbers at each run: mulberry32. */
function* numbers(seed: number): Generator<number, never> {
  let state = seed;
  for (;;) {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    yield ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  }
}

describe("whatever the file, the browser and the choice", () => {
  const source = numbers(7);
  const next = (): number => source.next().value;
  const some = <T>(all: readonly T[]): T => all[Math.floor(next() * all.length)] as T;
  const between = (least: number, most: number): number => least + next() * (most - least);

  function anything(): { facts: Facts; abilities: Abilities; choices: Choices; named: VideoProblem[] } {
    const start = some([0, 0, 1.4, 90]);
    const end = start + some([between(0, 4), between(2.9, 61), between(59, 400), 60, 3]);
    const bitrate = some([null, between(50_000, 80_000_000)]);
    const picture: Picture = {
      codec: some(["avc", "hevc", "vp8", "vp9", "av1", "prores", null]),
      width: Math.round(between(1, 5000)),
      height: Math.round(between(1, 5000)),
      turned: next() < 0.3,
      frameRate: some([null, between(0.1, 300), 30, 15, 120, 23.976]),
      bitrate,
      decodable: next() < 0.7,
      cuts: [start, ...Array.from({ length: 20 }, () => between(start, end))].sort((one, other) => one - other),
    };
    const facts: Facts = {
      bytes: Math.round(bitrate === null ? between(1, 200_000_000) : (bitrate * (end - start)) / 8 + 1000),
      container: some(["mp4", "webm", "mov", "other"]),
      start,
      end,
      picture: next() < 0.95 ? picture : null,
      sound: next() < 0.8 ? { codec: some(["aac", "opus", "mp3", "vorbis", "ac3", "pcm-s16", null]), decodable: next() < 0.8, bitrate: 96_000 } : null,
      sideTracks: some([0, 0, 3]),
    };
    const abilities = able(
      (["avc", "vp9", "vp8"] as const).filter(() => next() < 0.6),
      (["aac", "opus"] as const).filter(() => next() < 0.6),
    );
    const from = between(start - 5, end + 5);
    const choices: Choices = { start: from, end: from + between(-5, 90), quality: some(QUALITIES), encodeAnew: next() < 0.2 };
    return { facts, abilities, choices, named: next() < 0.1 ? [problem(some(["could_not_be_examined", "length_mismatch"] as const))] : [] };
  }

  const RUNS = 5_000;

  test("a plan keeps to the limits, and to what the browser is able to do", () => {
    const broken: string[] = [];
    let repaired = 0;
    for (let run = 0; run < RUNS; run += 1) {
      const { facts, abilities, choices, named } = anything();
      const found = plan(facts, abilities, choices, named);
      const { picture } = facts;
      if (found.kind !== "repair" || !picture) continue;
      repaired += 1;
      const copied = found.picture === "copy";
      const { width, height } = found.picture === "copy" ? picture : found.picture;
      const rate = (found.picture === "copy" ? undefined : found.picture.frameRate) ?? picture.frameRate ?? 0;
      const seconds = found.end - found.start;
      const held = {
        "at least 3 seconds": seconds >= LIMITS.minSeconds - LIMITS.tolerance - 1e-6,
        "at most 60 seconds": seconds <= LIMITS.maxSeconds + 1e-6,
        "within the file": found.start >= facts.start && found.end <= facts.end + 1e-6,
        "at most 50 MB": found.bytes <= LIMITS.bytes,
        "a sound if there was one": (found.sound === "none") === (facts.sound === null),
        "AAC in MP4, Opus in WebM": found.sound !== (found.container === "mp4" ? "opus" : "aac"),
        "a shorter side of 540": Math.min(width, height) >= LIMITS.shorterSide,
        "a longer side of 4096": Math.max(width, height) <= LIMITS.longerSide,
        "no larger than it was": width <= picture.width && height <= picture.height,
        "a frame rate within the limits": rate > LIMITS.minFrameRate - 0.5 && rate < LIMITS.maxFrameRate + 0.5,
        "a codec that the server takes": !copied || ["avc", "hevc", "vp8", "vp9"].includes(picture.codec ?? ""),
        "encoded by a codec that the browser has":
          found.picture === "copy" || abilities.pictures[choices.quality].includes(found.picture.codec),
        "decoded only where that works": copied || picture.decodable,
        "an even size where it is encoded": copied || (width % 2 === 0 && height % 2 === 0),
        "some bits": found.picture === "copy" || found.picture.bitrate > 0,
      };
      const names = Object.entries(held).filter(([, holds]) => !holds);
      if (names.length > 0) broken.push(JSON.stringify({ names, facts, abilities, choices, found }));
    }
    expect(broken).toEqual([]);
    expect(repaired).toBeGreaterThan(RUNS / 20);
  });

  test("nothing is found amiss with a file of the plan's own making", () => {
    const broken: string[] = [];
    let looked = 0;
    for (let run = 0; run < RUNS; run += 1) {
      const { facts, abilities, choices, named } = anything();
      const found = plan(facts, abilities, choices, named);
      if (found.kind !== "repair" || !facts.picture) continue;
      looked += 1;
      const encoded =
        found.picture === "copy"
          ? {}
          : {
              codec: found.picture.codec,
              width: found.picture.width,
              height: found.picture.height,
              frameRate: found.picture.frameRate ?? facts.picture.frameRate,
            };
      const made: Facts = {
        bytes: found.bytes,
        container: found.container,
        start: 0,
        end: found.end - found.start,
        picture: { ...facts.picture, turned: false, ...encoded },
        sound: facts.sound,
        sideTracks: 0,
      };
      if (planned(made, NOTHING).kind !== "nothing") broken.push(JSON.stringify({ facts, found }));
    }
    expect(broken).toEqual([]);
    expect(looked).toBeGreaterThan(RUNS / 20);
  });

  test("every size that is encoded is even and within the limits, or there is none", () => {
    const broken: number[][] = [];
    for (let width = 1; width < 5000; width += 37) {
      for (let height = 1; height < 5000; height += 41) {
        const size = encodedSize(width, height, "high");
        if (!size) continue;
        const sides = [size.width, size.height];
        const isEven = sides.every((side) => side % 2 === 0);
        const isWithin = Math.max(...sides) <= LIMITS.longerSide && Math.min(...sides) >= LIMITS.shorterSide;
        if (!isEven || !isWithin || size.width > width || size.height > height) broken.push([width, height]);
      }
    }
    expect(broken).toEqual([]);
  });
});

test("steps and obstacles are told apart by their names", () => {
  expect(STEPS.filter((step) => (OBSTACLES as readonly string[]).includes(step))).toEqual([]);
});
