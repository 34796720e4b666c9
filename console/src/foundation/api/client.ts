/**
 * The API as typed functions. The types are openapi-fetch's over those of openapi.json; what sends
 * is here, as the API needs little of what that package can do and every first screen would load it.
 * `answer` turns what the API answers into the data, or throws an `ApiProblem`.
 */
import type { Client } from "openapi-fetch";
import { learnServerTime } from "../clock";
import { config } from "../config";
import { bearer, personNumber } from "../session/session";
import { loadWords } from "../words";
import { ApiProblem, asProblem, assertReadable, problemOf } from "./problems";
import type { components, paths } from "./schema";

export type Schemas = components["schemas"];

const TIME_LIMIT_MS = 25_000; // a little under the gateway's 29 s
const LONGEST_WAIT_MS = 9_000; // all waits together: 25 s, as long as a request may be under way

type Values = Record<string, unknown>;
type Init = { params?: { path?: Values; query?: Values; header?: Record<string, string> }; body?: unknown; signal?: AbortSignal };

/** Returns the address of a call: its template filled in, then what the query holds. */
export function addressOf(template: string, path: Values = {}, query: Values = {}): string {
  const place = template.replace(/\{(\w+)\}/g, (_, name: string) => encodeURIComponent(String(path[name])));
  const search = Object.entries(query)
    .flatMap(([name, value]) => [value].flat().map((each) => [name, each]))
    .filter(([, value]) => value !== undefined && value !== null)
    .map((pair) => pair.map((part) => encodeURIComponent(String(part))).join("="))
    .join("&");
  return search ? `${place}?${search}` : place;
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined; // the page of some proxy or hotel, or nothing
  }
}

/**
 * Sends with a bearer; when the API refuses it, once more with a new one. While the same request is
 * under way, from another tab or a try whose answer was lost, waits for what becomes of it.
 */
async function send(
  method: string,
  template: string,
  { params = {}, body, signal }: Init = {},
  wait = 500,
  person = personNumber(),
): Promise<Answered<unknown>> {
  const { api_base } = await config();
  const sendAs = (token: string): Promise<Response> => {
    const limit = AbortSignal.timeout(TIME_LIMIT_MS);
    return fetch(api_base + addressOf(template, params.path, params.query), {
      method,
      headers: {
        ...params.header,
        ...(body === undefined ? {} : { "Content-Type": "application/json" }),
        Authorization: `Bearer ${token}`,
      },
      body: body === undefined ? null : JSON.stringify(body),
      credentials: "same-origin",
      signal: signal ? AbortSignal.any([signal, limit]) : limit,
    });
  };
  // A call that waited for a sign-in is not sent for somebody else, nor its answer kept or shown.
  const ofTheSamePerson = <T>(value: T): T => {
    if (person === personNumber()) return value;
    throw new ApiProblem("unauthenticated", 401, "Nobody is signed in.");
  };
  let token = ofTheSamePerson(await bearer());
  let response = await sendAs(token);
  if (response.status === 401) {
    token = ofTheSamePerson(await bearer(token));
    response = await sendAs(token);
  }
  learnServerTime(response.headers.get("Date"));
  const content = parsed(ofTheSamePerson(await response.text()));
  if (response.status === 409 && wait < LONGEST_WAIT_MS && (content as { code?: string } | undefined)?.code === "request_in_progress") {
    await new Promise((done) => setTimeout(done, wait));
    return send(method, template, { params, body, ...(signal ? { signal } : {}) }, wait * 1.5, person);
  }
  return response.ok ? { data: content, response } : { error: content, response };
}

const METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE"] as const;

// What these functions take and return is known by the path alone, which only the types can say.
export const api = Object.fromEntries(METHODS.map((method) => [method, send.bind(null, method)])) as unknown as Pick<
  Client<paths>,
  (typeof METHODS)[number]
>;

type Answered<T> = { data?: T; error?: unknown; response: Response };

export async function answer<T>(call: Promise<Answered<T>>): Promise<T> {
  let answered: Answered<T>;
  try {
    answered = await call;
  } catch (error) {
    throw asProblem(error);
  }
  const { data, error, response } = answered;
  const correlationId = response.headers.get("X-Correlation-Id");
  if (!response.ok) {
    // The first screen comes without the words for what the API refuses.
    await loadWords("further").catch(() => undefined);
    throw problemOf(response.status, error, correlationId);
  }
  if (response.status !== 204) assertReadable(response, data);
  return data as T;
}
