/** The `/session` routes, which carry no bearer: whoever calls them is not signed in yet. */
import { asProblem, assertReadable, problemOf } from "../api/problems";
import { learnServerTime } from "../clock";
import type { components } from "../api/schema";
import { config } from "../config";

export type SignInAnswer = components["schemas"]["SignInView"];
export type Question = Exclude<SignInAnswer, { status: "signed_in" }>;
export type Authenticator = components["schemas"]["AuthenticatorView"];
export type Renewed = components["schemas"]["RenewedView"];

const TIME_LIMIT_MS = 20_000;

async function send<T>(method: string, path: string, body: unknown = {}): Promise<T> {
  const { api_base } = await config();
  let answer: Response;
  try {
    answer = await fetch(api_base + path, {
      method,
      credentials: "same-origin",
      headers: { "Content-Type": "application/json", Accept: "application/json" },
      body: method === "DELETE" ? null : JSON.stringify(body),
      signal: AbortSignal.timeout(TIME_LIMIT_MS),
    });
  } catch (error) {
    throw asProblem(error);
  }
  learnServerTime(answer.headers.get("Date"));
  const content: unknown = await answer.json().catch(() => undefined);
  if (!answer.ok) throw problemOf(answer.status, content, answer.headers.get("X-Correlation-Id"));
  if (answer.status === 200) assertReadable(answer, content); // others have no content
  return content as T;
}

export const sessionRoutes = {
  signIn: (email: string, password: string) =>
    send<SignInAnswer>("POST", "/session", { email, password }),
  choosePassword: (email: string, new_password: string, challenge: string) =>
    send<SignInAnswer>("POST", "/session", { email, new_password, challenge }),
  giveCode: (email: string, code: string, challenge: string) =>
    send<SignInAnswer>("POST", "/session", { email, code, challenge }),
  setUp: (email: string, setup_code: string, challenge: string) =>
    send<SignInAnswer>("POST", "/session", { email, setup_code, challenge }),
  beginAuthenticator: () => send<Authenticator>("POST", "/session/authenticator"),
  renew: () => send<Renewed>("POST", "/session/renew"),
  forgot: (email: string) => send<void>("POST", "/session/forgot", { email }),
  reset: (email: string, code: string, new_password: string) =>
    send<void>("POST", "/session/reset", { email, code, new_password }),
  signOut: (everywhere: boolean) =>
    send<void>("DELETE", everywhere ? "/session?everywhere=true" : "/session"),
};
