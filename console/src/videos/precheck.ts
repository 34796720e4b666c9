/**
 * The browser's check of a chosen file before a byte is sent. It finds the problems the
 * server would find, by the server's codes and limits; what it cannot tell it leaves to the server.
 */
import type { Schemas } from "../foundation/api/client";

/** The product's limits, from `chalicelib/videos/model.py`; a unit test there holds them to be the same. */
export const LIMITS = {
  bytes: 52_428_800,
  minSeconds: 3,
  maxSeconds: 60,
  tolerance: 0.1,
  shorterSide: 540,
  longerSide: 4096,
  minFrameRate: 23,
  maxFrameRate: 60,
  codecs: ["h264", "h265", "vp8", "vp9"],
} as const;

export type VideoProblem = Pick<Schemas["VideoProblemView"], "code" | "actual" | "limit"> &
  Partial<Pick<Schemas["VideoProblemView"], "message" | "field">>;

export type Container = "mp4" | "webm" | "mov" | "matroska" | "other" | "unknown";
export type Seen = { container: Container; seconds?: number; width?: number; height?: number };
export type Checked = { seen: Seen; problems: VideoProblem[]; contentType: Schemas["ContentType"] };

const LOOKED_AT_BYTES = 4096;
const METADATA_MS = 6_000;
const QUICKTIME = new Set(["qt  "]);

const latin = (bytes: Uint8Array): string => String.fromCharCode(...bytes);

/** Which container a file is, by its first bytes: names and types may say anything. */
export function containerOf(head: Uint8Array): Container {
  const text = latin(head.subarray(0, LOOKED_AT_BYTES));
  if (text.slice(4, 8) === "ftyp") return QUICKTIME.has(text.slice(8, 12)) ? "mov" : "mp4";
  // QuickTime files of old begin without a type.
  if (["moov", "mdat", "wide", "free", "skip"].includes(text.slice(4, 8))) return "mov";
  if (text.startsWith("\x1a\x45\xdf\xa3")) return text.includes("webm") ? "webm" : "matroska";
  const known = ["\x89PNG", "\xff\xd8\xff", "GIF8", "%PDF", "PK\x03\x04", "ID3", "OggS", "RIFF", "FLV"];
  return known.some((mark) => text.startsWith(mark)) ? "other" : "unknown";
}

/** Lets the browser read length and resolution. Undefined where it does not know the format. */
export function readMetadata(file: Blob): Promise<Omit<Seen, "container"> | undefined> {
  const video = document.createElement("video");
  const url = URL.createObjectURL(file);
  return new Promise((resolve) => {
    const done = (found?: Omit<Seen, "container">): void => {
      clearTimeout(timer);
      video.removeAttribute("src");
      video.load();
      URL.revokeObjectURL(url);
      resolve(found);
    };
    const timer = setTimeout(() => done(), METADATA_MS);
    video.muted = true;
    video.preload = "metadata";
    video.addEventListener("loadedmetadata", () => {
      const { duration, videoWidth, videoHeight } = video;
      done({
        // A live recording has no length in its header.
        ...(Number.isFinite(duration) && duration > 0 ? { seconds: duration } : {}),
        ...(videoWidth && videoHeight ? { width: videoWidth, height: videoHeight } : {}),
      });
    }, { once: true });
    video.addEventListener("error", () => done(), { once: true });
    video.src = url;
  });
}

/** The rules that what was seen breaks, all at once. */
export function judge(size: number, seen: Seen): VideoProblem[] {
  if (size === 0) return [{ code: "empty_file", actual: 0, limit: 1 }];
  const problems: VideoProblem[] = [];
  if (size > LIMITS.bytes) problems.push({ code: "file_too_large", actual: size, limit: LIMITS.bytes });
  if (seen.container === "other") problems.push({ code: "not_a_video", actual: null, limit: "mp4, webm" });
  if (seen.container === "mov" || seen.container === "matroska") {
    problems.push({ code: "unsupported_container", actual: seen.container, limit: "mp4, webm" });
  }
  const { seconds, width, height } = seen;
  if (seconds !== undefined && seconds < LIMITS.minSeconds - LIMITS.tolerance) {
    problems.push({ code: "too_short", actual: seconds, limit: LIMITS.minSeconds });
  }
  if (seconds !== undefined && seconds > LIMITS.maxSeconds + LIMITS.tolerance) {
    problems.push({ code: "too_long", actual: seconds, limit: LIMITS.maxSeconds });
  }
  if (width !== undefined && height !== undefined) {
    if (Math.min(width, height) < LIMITS.shorterSide) {
      problems.push({ code: "resolution_too_low", actual: Math.min(width, height), limit: LIMITS.shorterSide });
    }
    if (Math.max(width, height) > LIMITS.longerSide) {
      problems.push({ code: "resolution_too_high", actual: Math.max(width, height), limit: LIMITS.longerSide });
    }
  }
  return problems;
}

export async function checkFile(file: File): Promise<Checked> {
  const head = new Uint8Array(await file.slice(0, LOOKED_AT_BYTES).arrayBuffer());
  const container = containerOf(head);
  const playable = file.size > 0 && container !== "other";
  const seen: Seen = { container, ...(playable ? await readMetadata(file) : {}) };
  const webm = container === "webm" || (container === "unknown" && file.type === "video/webm");
  return { seen, problems: judge(file.size, seen), contentType: webm ? "video/webm" : "video/mp4" };
}
