/**
 * From what is known about a file, what this browser is able to do and what the manager chose, to how
 * the file is repaired. Nothing here reads a file or asks a browser.
 */
import { LIMITS, type VideoProblem } from "./precheck";

export const QUALITIES = ["high", "medium", "low"] as const;
export type Quality = (typeof QUALITIES)[number];

export type PictureCodec = "avc" | "vp9" | "vp8";
export type SoundCodec = "aac" | "opus";

/** Codecs and containers by Mediabunny's names; null where it knows none. Times are seconds. */
export type Facts = {
  bytes: number;
  container: "mp4" | "webm" | "mov" | "other";
  /** Of picture and sound together, as they are shown. */
  start: number;
  end: number;
  picture: {
    codec: string | null;
    /** As displayed: after rotation and pixel shape. */
    width: number;
    height: number;
    /** Whether the file asks players to turn or mirror the picture. */
    turned: boolean;
    /** The average, in frames per second; null where there is a single picture. */
    frameRate: number | null;
    /** Bits per second; null where they were not counted. */
    bitrate: number | null;
    decodable: boolean;
    /** Where the video may begin without encoding it anew: key frames that nothing after them reaches back over. */
    cuts: readonly number[];
  } | null;
  sound: { codec: string | null; decodable: boolean; bitrate: number | null } | null;
  /** Further pictures and sounds, timecodes, subtitles, sensors. */
  sideTracks: number;
};

/** The codecs that the browser encodes: pictures in the size that each quality leads to. */
export type Abilities = { pictures: Record<Quality, readonly PictureCodec[]>; sounds: readonly SoundCodec[] };

export type Choices = {
  /** The part that is kept, in the file's own time. */
  start: number;
  end: number;
  quality: Quality;
  /** Set where the file is a result, which is looked at once more. */
  isResult?: boolean;
  /** Set after a first result that broke a rule, or where the server could not read the file as it is. */
  encodeAnew?: boolean;
  /** Set after a result that came out too large: by which share the bit rate has to go down. */
  squeeze?: number;
};

export const STEPS = ["container", "index", "trim", "shrink", "resize", "frame_rate", "even", "turn", "codec", "side_tracks", "anew"] as const;
export type Step = (typeof STEPS)[number];

export const OBSTACLES = [
  "not_a_video",
  "no_picture",
  "still_picture",
  "too_small",
  "too_narrow",
  "too_short",
  "damaged",
  "cannot_decode",
  "cannot_encode",
  "cannot_encode_sound",
] as const;
export type Obstacle = (typeof OBSTACLES)[number];

export type Encoding = { codec: PictureCodec; width: number; height: number; frameRate: number | undefined; bitrate: number };

export type Repair = {
  kind: "repair";
  steps: Step[];
  container: "mp4" | "webm";
  start: number;
  end: number;
  picture: "copy" | Encoding;
  sound: "none" | "copy" | SoundCodec;
  /** How large the result becomes, about. */
  bytes: number;
};

export type Plan = Repair | { kind: "nothing" } | { kind: "impossible"; obstacles: Obstacle[] };

/** The step that repairs each problem, or why a browser cannot. Problems outside the file are absent. */
const REMEDIES: Partial<Record<VideoProblem["code"], Step | Obstacle>> = {
  file_too_large: "shrink",
  not_a_video: "not_a_video",
  unsupported_container: "container",
  no_video_track: "no_picture",
  unsupported_codec: "codec",
  too_short: "too_short",
  too_long: "trim",
  length_unknown: "index",
  resolution_too_low: "too_small",
  resolution_too_high: "resize",
  resolution_unknown: "index",
  frame_rate_too_low: "frame_rate",
  frame_rate_too_high: "frame_rate",
  frame_rate_unknown: "index",
  still_picture: "still_picture",
  truncated: "damaged",
  length_mismatch: "index",
  does_not_play: "damaged",
  damaged: "damaged",
  joined_files: "index",
  could_not_be_examined: "anew",
};

const isStep = (remedy: Step | Obstacle): remedy is Step => (STEPS as readonly string[]).includes(remedy);

/** By the problems alone, before the file is looked into: what could be done, and what stands against it. */
export function offer(problems: readonly VideoProblem[]): { steps: Step[]; obstacles: Obstacle[] } {
  const remedies = [...new Set(problems.flatMap(({ code }) => REMEDIES[code] ?? []))];
  return { steps: remedies.filter(isStep), obstacles: remedies.filter((each): each is Obstacle => !isStep(each)) };
}

const NEED_ENCODING: ReadonlySet<Step> = new Set(["resize", "frame_rate", "codec", "anew"]);

/** The obstacles to steps in a browser that cannot encode at all, known before anything is tried. */
export function cannotDoWithout(steps: readonly Step[], encodes: boolean): Obstacle[] {
  return !encodes && steps.some((step) => NEED_ENCODING.has(step)) ? ["cannot_encode"] : [];
}

const NAMES: Record<string, string> = { avc: "h264", hevc: "h265" };
const accepted = (codec: string | null): boolean =>
  codec !== null && (LIMITS.codecs as readonly string[]).includes(NAMES[codec] ?? codec);

/**
 * How far a rate may be outside of its limits, where the server allows 0.5: a part that is cut out has a
 * picture more at each end than its length says, so less is taken from an original than from a result.
 */
const RATE_SLACK = 0.25;
const RESULT_SLACK = 0.45;

/** The share of the size limit that is aimed at: encoders hold a bit rate only roughly. */
const FILLED = 0.9;
/** A copy is as large as the part of the file, and the index of a few dozen KB comes on top. */
const COPY_FILLED = 0.98;
const SOUND_BITS = 128_000;
const LEAST_BITS = 300_000;
/** A cut that comes so soon after the chosen start is taken, so that nothing need be encoded. */
const NEAR_CUT = 0.5;
/** A start this near to the file's own is the file's own: one frame. */
const SAME = 0.05;

/** The largest shorter side and the most bits per second of each quality; those of a phone's 1080p, 720p, 540p. */
export const TARGETS: Record<Quality, { side: number; bits: number }> = {
  high: { side: 1080, bits: 10_000_000 },
  medium: { side: 720, bits: 4_000_000 },
  low: { side: LIMITS.shorterSide, bits: 1_800_000 },
};

const even = (value: number): number => Math.max(2, Math.floor(value / 2) * 2);

/**
 * The size of the picture after encoding: even, no larger than it was, and within the limits. Undefined
 * where no size is: too small already, or so narrow that it would be.
 */
export function encodedSize(width: number, height: number, quality: Quality): { width: number; height: number } | undefined {
  const shorter = Math.min(width, height);
  const longer = Math.max(width, height);
  if (shorter < LIMITS.shorterSide) return undefined;
  const scale = Math.min(1, TARGETS[quality].side / shorter, LIMITS.longerSide / longer);
  const size = { width: even(width * scale + 0.01), height: even(height * scale + 0.01) };
  return Math.min(size.width, size.height) < LIMITS.shorterSide ? undefined : size;
}

const isRateOutside = (rate: number, slack = RATE_SLACK): boolean =>
  rate < LIMITS.minFrameRate - slack || rate > LIMITS.maxFrameRate + slack;

const USUAL_RATE = 30;

/** A constant rate within the limits: a whole multiple or part of the old one where the old one is steady. */
export function steadyRate(rate: number): number {
  const steady = [rate, rate * 1.001].some((each) => Math.abs(each - Math.round(each)) < 0.02);
  if (!steady || rate <= 0) return USUAL_RATE;
  const found = rate < LIMITS.minFrameRate ? rate * Math.ceil(LIMITS.minFrameRate / rate) : rate / Math.ceil(rate / LIMITS.maxFrameRate);
  const rounded = Math.round(found * 1000) / 1000;
  return isRateOutside(rounded) ? USUAL_RATE : rounded;
}

/** Whether a part has to be chosen. */
export const isTooLong = ({ start, end }: Facts): boolean => end - start > LIMITS.maxSeconds + LIMITS.tolerance;

const nearestRate = (rate: number): number => Math.min(Math.max(rate, LIMITS.minFrameRate + 1), LIMITS.maxFrameRate);

/** The part that is kept when nothing was chosen: the beginning, as long as is allowed. */
export function defaultPart(facts: Facts): { start: number; end: number } {
  return { start: facts.start, end: Math.min(facts.end, facts.start + LIMITS.maxSeconds) };
}

/** The chosen part, within the file and the limits. */
function partOf(facts: Facts, { start, end }: Choices): { start: number; end: number } {
  const last = Math.max(facts.start, facts.end - LIMITS.minSeconds);
  const from = Math.min(Math.max(start, facts.start), last);
  const longest = Math.min(facts.end, from + LIMITS.maxSeconds);
  const shortest = Math.min(facts.end, from + LIMITS.minSeconds);
  return { start: from, end: Math.min(Math.max(end, shortest), longest) };
}

/** Copied sounds, by container: those that players of such files know. */
const COPIED_SOUNDS = { mp4: ["aac", "mp3"], webm: ["opus", "vorbis"] };
const COPIED_PICTURES = { mp4: ["avc", "hevc", "vp9"], webm: ["vp8", "vp9"] };
const ENCODED_SOUND = { mp4: "aac", webm: "opus" } as const;
const ENCODED_PICTURES = { mp4: ["avc"], webm: ["vp9", "vp8"] } as const;
const CONTAINERS = ["mp4", "webm"] as const;
type Container = (typeof CONTAINERS)[number];

function soundIn(container: Container, sound: Facts["sound"], able: Abilities): Repair["sound"] | undefined {
  if (sound === null) return "none";
  if (sound.codec !== null && COPIED_SOUNDS[container].includes(sound.codec)) return "copy";
  const codec = ENCODED_SOUND[container];
  return sound.decodable && able.sounds.includes(codec) ? codec : undefined;
}

/** Steps done because the server reports them, regardless of the facts here. The others follow from the facts. */
const BELIEVED: ReadonlySet<Step> = new Set(["container", "index", "frame_rate", "codec", "anew"]);

const impossible = (...obstacles: Obstacle[]): Plan => ({ kind: "impossible", obstacles });

/** How the file is repaired, by the problems that the server named and all that is seen in it. */
export function plan(facts: Facts, able: Abilities, choices: Choices, named: readonly VideoProblem[] = []): Plan {
  const { picture } = facts;
  if (picture === null) return impossible("no_picture");
  const obstacles = new Set(offer(named).obstacles);
  const length = facts.end - facts.start;
  const shorter = Math.min(picture.width, picture.height);
  const longer = Math.max(picture.width, picture.height);
  if (picture.frameRate === null) obstacles.add("still_picture");
  if (length < LIMITS.minSeconds - LIMITS.tolerance) obstacles.add("too_short");
  if (shorter < LIMITS.shorterSide) obstacles.add("too_small");
  else if (encodedSize(picture.width, picture.height, "high") === undefined && longer > LIMITS.longerSide) obstacles.add("too_narrow");
  if (picture.frameRate === null || obstacles.size > 0) return impossible(...obstacles);

  const wanted = partOf(facts, choices);
  const isCut = wanted.start > facts.start + SAME || wanted.end < facts.end - SAME;
  const steps = new Set<Step>(offer(named).steps.filter((step) => BELIEVED.has(step)));
  if (facts.container === "mov" || facts.container === "other") steps.add("container");
  if (isTooLong(facts)) steps.add("trim");
  if (facts.sideTracks > 0) steps.add("side_tracks");
  if (!accepted(picture.codec)) steps.add("codec");
  if (longer > LIMITS.longerSide) steps.add("resize");
  if (isRateOutside(picture.frameRate, choices.isResult ? RESULT_SLACK : RATE_SLACK)) steps.add("frame_rate");
  if (picture.width % 2 !== 0 || picture.height % 2 !== 0) steps.add("even");
  if (facts.bytes > LIMITS.bytes) steps.add("shrink");
  // Tracks beside picture and sound, and a size that is odd, are no fault on their own.
  const isNeeded = [...steps].some((step) => step !== "side_tracks" && step !== "even");
  if (!isNeeded && !choices.encodeAnew) return { kind: "nothing" };

  const copied = steps.has("anew") || choices.encodeAnew ? undefined : copy(facts, able, wanted, isCut, steps);
  if (copied) return copied;
  return encoded(facts, picture, able, choices, wanted, steps);
}

function bitsPerSecond(facts: Facts): number {
  const counted = (facts.picture?.bitrate ?? 0) + (facts.sound?.bitrate ?? 0);
  // Bytes that were not counted are the whole file.
  return facts.picture?.bitrate ? counted : (facts.bytes * 8) / Math.max(facts.end - facts.start, 1);
}

function copy(facts: Facts, able: Abilities, wanted: { start: number; end: number }, isCut: boolean, steps: Set<Step>): Repair | undefined {
  const { picture } = facts;
  if (!picture || [...NEED_ENCODING, "even" as const].some((step) => steps.has(step))) return undefined;
  const container = CONTAINERS.find(
    (each) => COPIED_PICTURES[each].includes(picture.codec ?? "") && soundIn(each, facts.sound, able) !== undefined,
  );
  const sound = container && soundIn(container, facts.sound, able);
  if (!container || !sound) return undefined;
  let { start, end } = wanted;
  if (start > facts.start + SAME) {
    const near = picture.cuts.find((cut) => cut >= wanted.start - SAME && cut <= wanted.start + NEAR_CUT);
    const before = picture.decodable ? undefined : picture.cuts.findLast((cut) => cut <= wanted.start);
    const cut = near ?? before;
    if (cut === undefined && picture.decodable) return undefined;
    start = cut ?? facts.start;
    end = Math.min(facts.end, Math.min(Math.max(end, start + LIMITS.minSeconds), start + LIMITS.maxSeconds));
    if (end - start < LIMITS.minSeconds - LIMITS.tolerance) return undefined;
  } else start = facts.start;
  const bytes = (bitsPerSecond(facts) * (end - start)) / 8;
  if (bytes > LIMITS.bytes * COPY_FILLED) return undefined;
  const done = new Set(steps);
  done.delete("shrink"); // cutting, or leaving tracks out, is enough
  return { kind: "repair", steps: inOrder(done), container, start, end: isCut ? end : facts.end, picture: "copy", sound, bytes };
}

function encoded(
  facts: Facts,
  picture: NonNullable<Facts["picture"]>,
  able: Abilities,
  { quality, squeeze = 1, encodeAnew = false }: Choices,
  part: { start: number; end: number },
  steps: Set<Step>,
): Plan {
  if (!picture.decodable) return impossible("cannot_decode");
  const size = encodedSize(picture.width, picture.height, quality);
  if (!size) return impossible("too_narrow");
  const codecs = able.pictures[quality];
  if (codecs.length === 0) return impossible("cannot_encode");
  const seconds = part.end - part.start;
  const sounding = facts.sound === null ? 0 : SOUND_BITS;
  const fitting = ((LIMITS.bytes * FILLED * 8) / seconds - sounding) * squeeze;
  // A codec that is older than the file's needs up to twice the bits; more would be for nothing.
  const worthwhile = picture.bitrate === null ? Infinity : picture.bitrate * 2;
  const bitrate = Math.round(Math.min(fitting, Math.max(Math.min(TARGETS[quality].bits * squeeze, worthwhile), LEAST_BITS)));
  for (const container of CONTAINERS) {
    const codec = ENCODED_PICTURES[container].find((each) => codecs.includes(each));
    const sound = soundIn(container, facts.sound, able);
    if (!codec || !sound) continue;
    if (picture.turned) steps.add("turn");
    if (size.width !== picture.width && steps.has("even") === false) steps.add("resize");
    const rate = picture.frameRate ?? USUAL_RATE;
    // After a result at the edge of the limits, the rate is made to be exactly within them.
    const isAtEdge = steps.has("frame_rate") || (encodeAnew && isRateOutside(rate, -RATE_SLACK));
    const frameRate = isRateOutside(rate) ? steadyRate(rate) : isAtEdge ? nearestRate(rate) : undefined;
    const bytes = ((bitrate + sounding) * seconds) / 8;
    return { kind: "repair", steps: inOrder(steps), container, ...part, picture: { codec, ...size, frameRate, bitrate }, sound, bytes };
  }
  return impossible("cannot_encode_sound");
}

const inOrder = (steps: Set<Step>): Step[] => STEPS.filter((step) => steps.has(step));
