/**
 * Looks into a file and repairs it, in this browser: nothing is sent. The only module that knows Mediabunny,
 * which is fetched with it. A file of gigabytes is read piece by piece; a result is held in memory, for it is
 * at most as large as the server takes.
 */
import {
  BlobSource,
  BufferTarget,
  Conversion,
  canEncodeAudio,
  canEncodeVideo,
  EncodedPacketSink,
  Input,
  type InputAudioTrack,
  type InputVideoTrack,
  Logging,
  LogLevel,
  MATROSKA,
  MP4,
  MPEG_TS,
  Mp4OutputFormat,
  Output,
  QTFF,
  Quality,
  WEBM,
  WebMOutputFormat,
} from "mediabunny";
import { LIMITS, type VideoProblem } from "./precheck";
import {
  type Abilities,
  type Choices,
  defaultPart,
  encodedSize,
  type Facts,
  type PictureCodec,
  plan,
  QUALITIES,
  type Quality as QualityName,
  type Repair,
  type SoundCodec,
  TARGETS,
} from "./repair_plan";

export type StopCode = "cancelled" | "not_a_video" | "damaged" | "broken" | "still_refused";

/** Why there is no repaired file. */
export class RepairStopped extends Error {
  override readonly name = "RepairStopped";

  constructor(
    readonly code: StopCode,
    options?: ErrorOptions,
  ) {
    super(code, options);
  }
}

// Its warnings, such as one of an unknown codec, are shown to the manager in words.
Logging.level = LogLevel.Errors;

const FORMATS = [MP4, QTFF, MATROSKA, WEBM, MPEG_TS];
/** Without an index at hand, counting every packet of a long recording would mean to read all of it. */
const COUNTED_WHOLE_BYTES = 300 * 1_048_576;
const COUNTED_PACKETS = 3_000;
const MOST_CUTS = 1_000;
/** So far behind a key frame can pictures come that are shown before it. */
const REORDERED = 6;

type Tracks = { picture: InputVideoTrack | null; sound: InputAudioTrack | null; others: number };

/** The picture that players show: one that moves, in a known codec, the largest; the first sound that is known. */
async function chosenTracks(input: Input): Promise<Tracks> {
  const pictures = await Promise.all(
    (await input.getVideoTracks()).map(async (track) => {
      const moves = (await track.computePacketStats(2)).packetCount > 1;
      const known = (await track.getCodec()) !== null;
      const area = (await track.getDisplayWidth()) * (await track.getDisplayHeight());
      return { track, rank: (moves ? 4e12 : 0) + (known ? 2e12 : 0) + area };
    }),
  );
  pictures.sort((one, other) => other.rank - one.rank);
  const sounds = await Promise.all(
    (await input.getAudioTracks()).map(async (track) => ({ track, known: (await track.getCodec()) !== null })),
  );
  const picture = pictures[0]?.track ?? null;
  const sound = (sounds.find(({ known }) => known) ?? sounds[0])?.track ?? null;
  const all = (await input.getTracks()).length;
  return { picture, sound, others: all - (picture ? 1 : 0) - (sound ? 1 : 0) };
}

/** Key frames that are shown before all that comes after them in the file. */
async function cutsOf(track: InputVideoTrack, end: number): Promise<number[]> {
  const sink = new EncodedPacketSink(track);
  const cuts: number[] = [];
  let key = await sink.getFirstKeyPacket({ metadataOnly: true });
  while (key && cuts.length < MOST_CUTS && key.timestamp < end) {
    let next = await sink.getNextPacket(key, { metadataOnly: true });
    let isClean = true;
    for (let seen = 0; next && seen < REORDERED; seen += 1) {
      if (next.timestamp < key.timestamp) isClean = false;
      next = await sink.getNextPacket(next, { metadataOnly: true });
    }
    if (isClean) cuts.push(key.timestamp);
    key = await sink.getNextKeyPacket(key, { metadataOnly: true });
  }
  return cuts;
}

async function canDecode(track: InputVideoTrack | InputAudioTrack): Promise<boolean> {
  try {
    return await track.canDecode();
  } catch {
    return false; // without WebCodecs, or with a configuration that the browser does not understand
  }
}

async function factsOf(file: Blob, input: Input): Promise<Facts> {
  const format = await input.getFormat();
  const container = format === MP4 ? "mp4" : format === WEBM ? "webm" : format === QTFF ? "mov" : "other";
  const { picture, sound, others } = await chosenTracks(input);
  // Without its index, which was to come at the end, nothing in a file that was cut off is found.
  if (!picture && !sound) throw new RepairStopped("damaged");
  if (!picture) return { bytes: file.size, container, start: 0, end: 0, picture: null, sound: null, sideTracks: others };
  const counted = file.size > COUNTED_WHOLE_BYTES && format !== MP4 && format !== QTFF ? COUNTED_PACKETS : Infinity;
  const tracks = sound ? [picture, sound] : [picture];
  const start = Math.max(0, await input.getFirstTimestamp(tracks));
  const end = await input.computeDuration(tracks);
  const stats = await picture.computePacketStats(counted);
  const soundStats = await sound?.computePacketStats(counted);
  return {
    bytes: file.size,
    container,
    start,
    end,
    picture: {
      codec: await picture.getCodec(),
      width: await picture.getDisplayWidth(),
      height: await picture.getDisplayHeight(),
      turned: (await picture.getRotation()) !== 0 || (await picture.getFlip()),
      frameRate: stats.packetCount > 1 ? stats.averagePacketRate : null,
      bitrate: stats.averageBitrate || null,
      decodable: await canDecode(picture),
      cuts: end - start > LIMITS.maxSeconds ? await cutsOf(picture, end) : [],
    },
    sound: sound
      ? { codec: await sound.getCodec(), decodable: await canDecode(sound), bitrate: soundStats?.averageBitrate ?? null }
      : null,
    sideTracks: others,
  };
}

const PICTURES: readonly PictureCodec[] = ["avc", "vp9", "vp8"];
const SOUNDS: readonly SoundCodec[] = ["aac", "opus"];

async function only<T>(all: readonly T[], test: (each: T) => Promise<boolean>): Promise<T[]> {
  const found = await Promise.all(all.map((each) => test(each).catch(() => false)));
  return all.filter((_, index) => found[index]);
}

/** The codecs that this browser encodes in the target sizes. None without WebCodecs. */
async function abilitiesFor({ picture }: Facts): Promise<Abilities> {
  const pictures: Record<QualityName, PictureCodec[]> = { high: [], medium: [], low: [] };
  if (typeof VideoEncoder === "undefined" || !picture) return { pictures, sounds: [] };
  for (const quality of QUALITIES) {
    const size = encodedSize(picture.width, picture.height, quality);
    if (!size) continue;
    const asked = { ...size, quality: new Quality({ bitrate: TARGETS[quality].bits }) };
    pictures[quality] = await only(PICTURES, (codec) => canEncodeVideo(codec, asked));
  }
  const sounds = typeof AudioEncoder === "undefined" ? [] : await only(SOUNDS, (codec) => canEncodeAudio(codec));
  return { pictures, sounds };
}

export type Found = { facts: Facts; able: Abilities };

/** Reads what is in a file. Raises RepairStopped for one that cannot be read. */
export async function inspect(file: Blob, signal?: AbortSignal): Promise<Found> {
  const input = new Input({ source: new BlobSource(file), formats: FORMATS });
  const stop = (): void => input.dispose();
  signal?.addEventListener("abort", stop, { once: true });
  try {
    if (!(await input.canRead())) throw new RepairStopped("not_a_video");
    const facts = await factsOf(file, input);
    const able = await abilitiesFor(facts);
    if (signal?.aborted) throw new RepairStopped("cancelled");
    return { facts, able };
  } catch (error) {
    if (signal?.aborted) throw new RepairStopped("cancelled");
    // An index that cannot be read, or names bytes that are not there.
    throw error instanceof RepairStopped ? error : new RepairStopped("damaged", { cause: error });
  } finally {
    signal?.removeEventListener("abort", stop);
    input.dispose();
  }
}

/** The output is dropped once it is larger than this: above the limit, there is room for the index alone. */
const MOST_BYTES = LIMITS.bytes + 1_048_576;

class TooLarge extends Error {
  override readonly name = "TooLarge";
}

type Progress = (share: number) => void;

/** Makes the file, with its index at the end: so all that is written is seen, and bounded. */
async function convert(file: Blob, repair: Repair, onProgress: Progress, signal: AbortSignal, isIndexFirst = false): Promise<Blob> {
  if (signal.aborted) throw new RepairStopped("cancelled");
  const input = new Input({ source: new BlobSource(file), formats: FORMATS });
  let isTooLarge = false;
  try {
    const { picture, sound } = await chosenTracks(input);
    const target = new BufferTarget();
    const format =
      repair.container === "mp4" ? new Mp4OutputFormat({ fastStart: isIndexFirst ? "in-memory" : false }) : new WebMOutputFormat();
    const { picture: how } = repair;
    const conversion = await Conversion.init({
      input,
      output: new Output({ format, target }),
      video: (track) => {
        if (track.id !== picture?.id) return { discard: true };
        if (how === "copy") return {};
        return {
          codec: how.codec,
          width: how.width,
          height: how.height,
          fit: "fill",
          quality: new Quality({ bitrate: how.bitrate }),
          forceTranscode: true,
          allowTransformationMetadata: false,
          keyFrameInterval: 2,
          ...(how.frameRate === undefined ? {} : { frameRate: how.frameRate }),
        };
      },
      audio: (track) => {
        if (track.id !== sound?.id || repair.sound === "none") return { discard: true };
        return repair.sound === "copy" ? {} : { codec: repair.sound, quality: new Quality({ bitrate: 128_000 }), forceTranscode: true };
      },
      trim: { start: repair.start, end: repair.end },
      // Nothing outside of the chosen part may come along.
      copy: { boundaryPolicy: "shrink" },
      // Places, names and devices in a phone's file are nobody's business.
      tags: {},
      showWarnings: false,
    });
    const wanted = repair.sound === "none" ? 1 : 2;
    if (!conversion.isValid || conversion.utilizedTracks.length !== wanted) throw new RepairStopped("broken");
    conversion.onProgress = onProgress;
    const stop = (): void => void conversion.cancel();
    target.on("write", ({ end }) => {
      if (end <= MOST_BYTES || isTooLarge) return;
      isTooLarge = true;
      stop();
    });
    signal.addEventListener("abort", stop, { once: true });
    try {
      // Cancelled while it was being prepared: the event is over, and would never be heard.
      if (signal.aborted) throw new RepairStopped("cancelled");
      await conversion.execute();
    } finally {
      signal.removeEventListener("abort", stop);
    }
    if (!target.buffer) throw new RepairStopped("broken");
    return new Blob([target.buffer], { type: repair.container === "mp4" ? "video/mp4" : "video/webm" });
  } catch (error) {
    if (signal.aborted) throw new RepairStopped("cancelled");
    if (isTooLarge) throw new TooLarge();
    throw error instanceof RepairStopped ? error : new RepairStopped("damaged", { cause: error });
  } finally {
    input.dispose();
  }
}

const TRIES = 4;
/** A result may be shorter than was planned by a few frames; by more where pictures are missing. */
const MISSING_SECONDS = 0.5;
const nameOf = (name: string, container: string): string => `${name.replace(/\.\w{1,5}$/, "") || "video"}.${container}`;

/**
 * Makes the repaired file, and looks into it again: a result that would be refused is made anew in another
 * way, by encoding where copying did not do, with fewer bits where it came out too large.
 */
export async function repairFile(
  file: File,
  { facts, able }: Found,
  choices: Choices,
  named: readonly VideoProblem[],
  onProgress: (share: number) => void,
  signal: AbortSignal,
): Promise<File> {
  let wanted = choices;
  for (let tries = 0; tries < TRIES; tries += 1) {
    const repair = plan(facts, able, wanted, named);
    if (repair.kind !== "repair") break;
    try {
      const made = await convert(file, repair, onProgress, signal);
      const found = await inspect(made, signal);
      if (found.facts.end - found.facts.start < repair.end - repair.start - MISSING_SECONDS) throw new RepairStopped("damaged");
      if (made.size > LIMITS.bytes) throw new TooLarge();
      const part = defaultPart(found.facts);
      if (plan(found.facts, found.able, { ...part, quality: wanted.quality, isResult: true }).kind !== "nothing") throw new RepairStopped("still_refused");
      const whole: Repair = { ...repair, ...part, end: found.facts.end, picture: "copy", sound: repair.sound === "none" ? "none" : "copy" };
      // Players over a network want the index first.
      const ready = repair.container === "mp4" ? await convert(made, whole, () => {}, signal, true) : made;
      if (signal.aborted) throw new RepairStopped("cancelled");
      return new File([ready], nameOf(file.name, repair.container), { type: ready.type });
    } catch (error) {
      const isCopy = repair.picture === "copy";
      const isWorthAnother = error instanceof TooLarge || (error instanceof RepairStopped && mayEncode(error, wanted));
      if (!isWorthAnother) throw error;
      if (isCopy || error instanceof RepairStopped) wanted = { ...wanted, encodeAnew: true };
      // An encoder that does not keep to its bit rate needs a smaller picture.
      else if (wanted.quality !== "low") wanted = { ...wanted, quality: wanted.quality === "high" ? "medium" : "low" };
      else wanted = { ...wanted, squeeze: (wanted.squeeze ?? 1) * SQUEEZE };
    }
  }
  throw new RepairStopped("still_refused");
}

const SQUEEZE = 0.6;
/** Tries encoding once where copying failed. */
const mayEncode = ({ code }: RepairStopped, { encodeAnew }: Choices): boolean =>
  !encodeAnew && (code === "broken" || code === "still_refused");
