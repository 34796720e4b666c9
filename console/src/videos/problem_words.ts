/** A video's problems in the manager's language, else in the server's words. */
import { length, number } from "../foundation/time";
import { localeTag } from "../foundation/words";
import type { VideoProblem } from "./precheck";
import { t } from "./words.manager";

const MEGABYTE = 1_048_576;

/** "12.4 MB", as the limit of 50 MB is counted. */
export function megabytes(bytes: number): string {
  const inMegabytes = bytes / MEGABYTE;
  return new Intl.NumberFormat(localeTag(), {
    style: "unit",
    unit: bytes < MEGABYTE ? "kilobyte" : "megabyte",
    maximumFractionDigits: inMegabytes >= 100 || bytes < MEGABYTE ? 0 : 1,
  }).format(bytes < MEGABYTE ? bytes / 1024 : inMegabytes);
}

const NAMES: Record<string, string> = { h264: "H.264", h265: "H.265", vp8: "VP8", vp9: "VP9", av1: "AV1", mov: "MOV", matroska: "Matroska (MKV)" };

function shown(code: string, value: VideoProblem["actual"]): string {
  if (value === null || value === undefined) return "?";
  if (typeof value === "string") {
    return value
      .split(", ")
      .map((each) => NAMES[each] ?? each.toUpperCase())
      .join(", ");
  }
  if (code.startsWith("file_")) return megabytes(value);
  // Whole seconds would call 60.4 as long as what is allowed.
  if (code.startsWith("too_")) return Number.isInteger(value) ? length(value) : seconds(value);
  return number(value);
}

function seconds(value: number): string {
  return new Intl.NumberFormat(localeTag(), { style: "unit", unit: "second", maximumFractionDigits: 1 }).format(value);
}

export function videoProblemWords({ code, actual, limit, message }: VideoProblem): string {
  const key = `video_${code}`;
  if (!t.has(key)) return message ?? code;
  return t(key, { actual: shown(code, actual), limit: shown(code, limit) });
}

const MINUTE_S = 60;

/** How long something still takes, in words. */
export function timeLeft(left: number): string {
  const whole = Math.ceil(left);
  return whole < MINUTE_S ? t("left_seconds", { count: whole }) : t("left_minutes", { count: Math.round(whole / MINUTE_S) });
}
