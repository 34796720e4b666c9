/** A reward's form, and the request made from it. */
import type { Schemas } from "../foundation/api/client";
import type { FieldProblem } from "../foundation/api/problems";
import { fieldProblemWords } from "../foundation/problem_words";
import { zone } from "../foundation/time";
import { readWallClock, wallClock } from "../foundation/wall_clock";
import type { RewardView } from "./manager_queries";
import { t } from "./words.manager";

type Body = Omit<Schemas["NewReward"], "state">;

/** As typed; a picture is the id of one that was posted, `kept` for the one it has. */
export type Fields = {
  title: string;
  description: string;
  price: string;
  stock: string;
  perMember: string;
  channels: string[];
  starts: string;
  ends: string;
  picture: string;
};
export type FieldName = keyof Fields;
export type FieldErrors = Partial<Record<FieldName, string>>;

export const MAX_TITLE = 100;
export const MAX_DESCRIPTION = 2000;
export const MAX_NUMBER = 1_000_000;
const MAX_PER_MEMBER = 1000;
const KEPT = "kept";

export const EMPTY: Fields = {
  title: "",
  description: "",
  price: "",
  stock: "",
  perMember: "",
  channels: [],
  starts: "",
  ends: "",
  picture: "",
};

const typed = (value: number | null): string => (value === null ? "" : String(value));

export function fieldsOf(reward: RewardView): Fields {
  const shown = (instant: string | null): string => (instant ? wallClock(instant, zone.value) : "");
  return {
    title: reward.title,
    description: reward.description,
    price: String(reward.price),
    stock: typed(reward.stock),
    perMember: typed(reward.per_member),
    channels: [...reward.channel_ids].sort(),
    starts: shown(reward.starts_at),
    ends: shown(reward.ends_at),
    picture: reward.picture ? KEPT : "",
  };
}

const counted = (text: string): number | null => (text.trim() ? Number(text) : null);

const SENT: { [Name in FieldName]: (fields: Fields) => Partial<Body> } = {
  title: ({ title }) => ({ title: title.trim() }),
  description: ({ description }) => ({ description: description.trim() }),
  price: ({ price }) => ({ price: Number(price) }),
  stock: ({ stock }) => ({ stock: counted(stock) }),
  perMember: ({ perMember }) => ({ per_member: counted(perMember) }),
  channels: ({ channels }) => ({ channel_ids: channels }),
  starts: ({ starts }) => ({ starts_at: starts || null }),
  ends: ({ ends }) => ({ ends_at: ends || null }),
  picture: ({ picture }) => ({ picture_id: picture && picture !== KEPT ? picture : null }),
};
export const NAMES = Object.keys(SENT) as FieldName[];

export function bodyOf(fields: Fields, names: FieldName[] = NAMES): Body {
  return Object.assign({}, ...names.map((name) => SENT[name](fields))) as Body;
}

export function changedFields(before: Fields, after: Fields): FieldName[] {
  return NAMES.filter((name) => JSON.stringify(before[name]) !== JSON.stringify(after[name]));
}

function isCount(text: string, most: number): boolean {
  return /^\d+$/.test(text.trim()) && Number(text) >= 1 && Number(text) <= most;
}

/** The rules that can be told at once; the API has the last word. */
export function check(fields: Fields): FieldErrors {
  const errors: FieldErrors = {};
  if (!fields.title.trim()) errors.title = t("error_title_missing");
  if (!isCount(fields.price, MAX_NUMBER)) errors.price = t("error_count", { limit: MAX_NUMBER });
  if (fields.stock.trim() && !isCount(fields.stock, MAX_NUMBER)) errors.stock = t("error_count", { limit: MAX_NUMBER });
  if (fields.perMember.trim() && !isCount(fields.perMember, MAX_PER_MEMBER)) {
    errors.perMember = t("error_count", { limit: MAX_PER_MEMBER });
  }
  const starts = readWallClock(fields.starts, zone.value);
  const ends = readWallClock(fields.ends, zone.value);
  if (starts.kind === "instant" && ends.kind === "instant" && ends.at <= starts.at) errors.ends = t("error_end");
  return errors;
}

/** The API's names of fields, as the form calls them. */
const OF_API: Record<string, FieldName> = {
  title: "title",
  description: "description",
  price: "price",
  stock: "stock",
  per_member: "perMember",
  channel_ids: "channels",
  starts_at: "starts",
  ends_at: "ends",
  picture_id: "picture",
};

/** The API's errors, by field. */
export function errorsOf(problem: { fields: FieldProblem[] }): FieldErrors {
  const errors: FieldErrors = {};
  for (const found of problem.fields) {
    const name = OF_API[found.field.split(".")[0] ?? ""];
    if (name) errors[name] ??= fieldProblemWords(found);
  }
  return errors;
}
