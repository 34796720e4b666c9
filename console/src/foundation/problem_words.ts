/** A problem in the person's language: by its code, else in the server's own words. */
import { type ApiProblem, asProblem, type FieldProblem } from "./api/problems";
import { t } from "./t";
import { dateTime } from "./time";
import { localeTag, type Values } from "./words";
import { t as further } from "./words.further";
import { t as ofManagers } from "./words.manager";
import { t as ofSessions } from "./words.session";

export function problemWords(error: unknown): string {
  const problem: ApiProblem = asProblem(error);
  const key = `problem_${problem.code}`;
  const { retry_at, limit, missing, balance, price, quota, used } = problem.body;
  const values: Values = {};
  if (retry_at) values.when = dateTime(retry_at);
  const sized = (value: number): string | number => (quota?.endsWith("_bytes") ? gigabytes(value) : value);
  if (limit !== undefined) values.limit = sized(limit);
  if (used !== undefined) values.used = sized(used);
  if (balance !== undefined) values.balance = balance;
  if (price !== undefined) values.price = price;
  if (missing) values.missing = missing.join(", ");
  // A limit that is not known here says in the server's words what it is of.
  const text = known(quota ? `${key}_${quota}` : key, values);
  if (isWhole(text)) return text;
  const [field] = problem.fields;
  return problem.detail || (field ? fieldProblemWords(field) : "") || t("problem_unknown");
}

function gigabytes(bytes: number): string {
  return new Intl.NumberFormat(localeTag(), { style: "unit", unit: "gigabyte", maximumFractionDigits: 1 }).format(bytes / 2 ** 30);
}

type Words<Key extends string> = { (key: Key, values: Values): string; has(key: string): key is Key };

/** The text of a key in whichever loaded catalogue has it. */
function known(key: string, values: Values): string {
  const of = <Key extends string>(words: Words<Key>): string => (words.has(key) ? words(key, values) : "");
  return of(further) || of(t) || of(ofManagers) || of(ofSessions);
}

/** A place that an answer has no value for would show its braces. */
const isWhole = (text: string): boolean => text !== "" && !/\{\w+\}/.test(text);

/** What is wrong with one field: in the person's language by its code, else in the server's words. */
export function fieldProblemWords({ code, limit, message }: FieldProblem): string {
  const key = `field_${code}`;
  const values: Values = typeof limit === "number" || typeof limit === "string" ? { limit } : {};
  const text = known(key, values);
  return isWhole(text) ? text : message;
}

/** The words beside a field, by the field's name. */
export function fieldWords(error: unknown, field: string): string | undefined {
  if (!error) return undefined;
  const found = asProblem(error).fields.find(
    (each: FieldProblem) => each.field === field || each.field.startsWith(`${field}.`),
  );
  return found && fieldProblemWords(found);
}
