/** An activity's form, and the request made from it. */
import type { Schemas } from "../foundation/api/client";
import type { FieldProblem } from "../foundation/api/problems";
import { fieldProblemWords } from "../foundation/problem_words";
import { zone } from "../foundation/time";
import { readWallClock, wallClock } from "../foundation/wall_clock";
import { MAX_POST_UNITS, postUnits, readHashtags } from "./post_text";
import { t } from "./words.manager";

export type ActivityView = Schemas["ActivityView"];
type Body = Omit<Schemas["DuplicateChanges"], "upload_id">;

/** `program`: the program's own line; `own`: this text; `none`: no line. */
export type Disclosure = { kind: "program" | "own" | "none"; text: string };

/** As typed. A time is `2026-12-04T18:00`, with an offset behind it once one had to be chosen. */
export type Fields = {
  instructions: string;
  captions: string[];
  hashtags: string;
  disclosure: Disclosure;
  channels: string[];
  starts: string;
  ends: string;
  points: string;
  bonus: string;
  campaign: string;
  featured: boolean;
  /** TikTok's own disclosure setting; empty: as the program has it, for a new activity. */
  setting: ActivityView["content_disclosure"] | "";
  ai: boolean;
  /** Uploads of the further cuts. */
  cuts: string[];
};
export type FieldName = keyof Fields;
export type FieldErrors = Partial<Record<FieldName, string>>;

export const DEFAULT_INSTRUCTIONS = "Share this video on TikTok";
export const MAX_INSTRUCTIONS = 2000;
export const MAX_POINTS = 1_000_000;
export const MAX_CHANNELS = 20;
export const MAX_CAPTIONS = 10;
export const MAX_HASHTAGS = 30;

export const EMPTY: Fields = {
  instructions: DEFAULT_INSTRUCTIONS,
  captions: [""],
  hashtags: "",
  disclosure: { kind: "program", text: "" },
  channels: [],
  starts: "",
  ends: "",
  points: "0",
  bonus: "0",
  campaign: "",
  featured: false,
  setting: "",
  ai: false,
  cuts: [],
};

const HELD_BACK_DAYS = 365;
const SURELY_HELD_BACK_DAYS = 360;
const DAY_MS = 86_400_000;

/**
 * A start so far ahead that nobody means it: how an activity is tried before anybody sees it. The
 * API has no drafts, but lets a scheduled activity be tried.
 */
export function heldBackStart(at: number): string {
  return new Date(at + HELD_BACK_DAYS * DAY_MS).toISOString();
}

export function isHeldBack(activity: Pick<ActivityView, "starts_at" | "created_at" | "status">): boolean {
  if (!activity.starts_at || !["scheduled", "processing"].includes(activity.status)) return false;
  return Date.parse(activity.starts_at) - Date.parse(activity.created_at) > SURELY_HELD_BACK_DAYS * DAY_MS;
}

function disclosureOf(disclosure: string | null): Disclosure {
  if (disclosure === null) return { kind: "program", text: "" };
  return disclosure === "" ? { kind: "none", text: "" } : { kind: "own", text: disclosure };
}

/** The wall-clock time of an instant, with its offset where that time exists twice. */
function unmistakable(instant: string, timeZone: string): string {
  const wall = wallClock(instant, timeZone);
  const read = readWallClock(wall, timeZone);
  if (read.kind !== "twice") return wall;
  return wall + (read.offsets.find((offset) => Date.parse(wall + offset) === Date.parse(instant)) ?? "");
}

/** An activity as its form shows it, in the time zone of whoever looks at it. */
export function fieldsOf(activity: ActivityView, timeZone: string): Fields {
  const shown = (instant: string | null): string => (instant ? unmistakable(instant, timeZone) : "");
  return {
    instructions: activity.instructions,
    captions: activity.captions.length > 0 ? activity.captions : [""],
    hashtags: activity.hashtags.join(" "),
    disclosure: disclosureOf(activity.disclosure),
    channels: [...activity.channel_ids].sort(),
    starts: isHeldBack(activity) ? "" : shown(activity.starts_at),
    ends: shown(activity.ends_at),
    points: String(activity.points),
    bonus: String(activity.posted_bonus),
    campaign: activity.campaign_id ?? "",
    featured: activity.featured,
    setting: activity.content_disclosure,
    ai: activity.ai_generated,
    cuts: activity.further_upload_ids,
  };
}

/** A draft from the server as the form shows it. */
export function fieldsOfDraft(draft: Schemas["DraftView"]): Fields {
  return {
    ...EMPTY,
    instructions: draft.instructions,
    captions: draft.captions.length > 0 ? draft.captions : [""],
    hashtags: draft.hashtags.join(" "),
    disclosure: disclosureOf(draft.disclosure),
    channels: [...draft.channel_ids].sort(),
    points: String(draft.points),
    campaign: draft.campaign_id ?? "",
  };
}

export function disclosureLine({ kind, text }: Disclosure): string | null {
  if (kind === "program") return null;
  return kind === "none" ? "" : text.trim();
}

/** The instant that is meant, whatever zone the profile has by then; what means none, to be refused. */
const sentTime = (text: string): string | null => instantOf(text, zone.value) ?? (text || null);

const SENT: { [Name in FieldName]: (fields: Fields) => Partial<Body> } = {
  instructions: ({ instructions }) => ({ instructions: instructions.trim() }),
  captions: ({ captions }) => ({ captions: captions.map((each) => each.trim()).filter(Boolean) }),
  hashtags: ({ hashtags }) => ({ hashtags: readHashtags(hashtags).hashtags }),
  disclosure: ({ disclosure }) => ({ disclosure: disclosureLine(disclosure) }),
  channels: ({ channels }) => ({ channel_ids: channels }),
  starts: ({ starts }) => ({ starts_at: sentTime(starts) }),
  ends: ({ ends }) => ({ ends_at: sentTime(ends) }),
  points: ({ points }) => ({ points: Number(points || 0) }),
  bonus: ({ bonus }) => ({ posted_bonus: Number(bonus || 0) }),
  campaign: ({ campaign }) => ({ campaign_id: campaign || null }),
  featured: ({ featured }) => ({ featured }),
  setting: ({ setting }) => (setting ? { content_disclosure: setting } : {}),
  ai: ({ ai }) => ({ ai_generated: ai }),
  cuts: ({ cuts }) => ({ further_upload_ids: cuts }),
};
export const FIELD_NAMES = Object.keys(SENT) as FieldName[];

export function bodyOf(fields: Fields, names: FieldName[] = FIELD_NAMES): Body {
  return Object.assign({}, ...names.map((name) => SENT[name](fields))) as Body;
}

const same = (one: unknown, other: unknown): boolean => JSON.stringify(one) === JSON.stringify(other);

/** Which fields say something else; typing something and taking it back is no change. */
export function changedFields(before: Fields, after: Fields): FieldName[] {
  return FIELD_NAMES.filter((name) => !same(SENT[name](before), SENT[name](after)));
}

/** The rules that can be told at once; the API has the last word. */
export function check(fields: Fields, timeZone: string): FieldErrors {
  const errors: FieldErrors = {};
  const characters = [...fields.instructions.trim()].length;
  if (characters === 0) errors.instructions = t("error_instructions_missing");
  if (characters > MAX_INSTRUCTIONS) {
    errors.instructions = t("error_instructions_long", { count: characters - MAX_INSTRUCTIONS, limit: MAX_INSTRUCTIONS });
  }
  for (const name of ["points", "bonus"] as const) {
    const points = fields[name].trim() || "0";
    if (!/^\d+$/.test(points) || Number(points) > MAX_POINTS) errors[name] = t("error_points", { limit: MAX_POINTS });
  }
  if (fields.channels.length > MAX_CHANNELS) {
    errors.channels = t("error_channels", { count: fields.channels.length - MAX_CHANNELS, limit: MAX_CHANNELS });
  }
  const { hashtags, refused } = readHashtags(fields.hashtags);
  if (refused.length > 0) errors.hashtags = t("error_hashtag", { hashtag: refused[0] ?? "" });
  else if (hashtags.length > MAX_HASHTAGS) errors.hashtags = t("error_hashtags", { limit: MAX_HASHTAGS });
  const line = disclosureLine(fields.disclosure);
  const captions = fields.captions.filter((each) => each.trim());
  if ((captions.length > 0 ? captions : [""]).some((each) => postUnits(each, hashtags, line) > MAX_POST_UNITS)) {
    errors.captions = t("error_caption_long", { limit: MAX_POST_UNITS });
  }
  if (fields.disclosure.kind === "own" && !line) errors.disclosure = t("error_disclosure_missing");
  return { ...errors, ...checkTimes(fields, timeZone) };
}

function checkTimes({ starts, ends }: Fields, timeZone: string): FieldErrors {
  const errors: FieldErrors = {};
  const read = { starts: readWallClock(starts, timeZone), ends: readWallClock(ends, timeZone) };
  for (const name of ["starts", "ends"] as const) {
    const { kind } = read[name];
    if (kind === "twice") errors[name] = t("error_time_twice");
    if (kind === "never") errors[name] = t("error_time_never");
  }
  if (read.starts.kind === "instant" && read.ends.kind === "instant" && read.ends.at <= read.starts.at) {
    errors.ends = t("error_end_before_start");
  }
  return errors;
}

/** The API's names of fields, as the form calls them. */
const OF_API: Record<string, FieldName> = {
  instructions: "instructions",
  captions: "captions",
  hashtags: "hashtags",
  disclosure: "disclosure",
  channel_ids: "channels",
  starts_at: "starts",
  ends_at: "ends",
  points: "points",
  posted_bonus: "bonus",
  campaign_id: "campaign",
  featured: "featured",
  content_disclosure: "setting",
  ai_generated: "ai",
  further_upload_ids: "cuts",
};

/** The API's errors by field, in the manager's language where the code is known. */
export function errorsOf(problem: { fields: FieldProblem[] }): FieldErrors {
  const errors: FieldErrors = {};
  for (const found of problem.fields) {
    const name = OF_API[found.field.split(".")[0] ?? ""];
    if (name) errors[name] ??= fieldProblemWords(found);
  }
  return errors;
}

/** The same instants as they are typed in another zone; what means no instant stays as it is. */
export function inZone<Timed extends Pick<Fields, "starts" | "ends">>(fields: Timed, from: string, to: string): Timed {
  if (from === to) return fields;
  const moved = (text: string): string => {
    const instant = instantOf(text, from);
    return instant ? unmistakable(instant, to) : text;
  };
  return { ...fields, starts: moved(fields.starts), ends: moved(fields.ends) };
}

/** The instant a typed time means, for what is shown beside it. */
export function instantOf(text: string, timeZone: string): string | null {
  const read = readWallClock(text, timeZone);
  return read.kind === "instant" ? new Date(read.at).toISOString() : null;
}
