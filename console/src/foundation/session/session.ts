/**
 * The person signed in here. The ID token lives in this module and nowhere else; the refresh token is
 * a cookie that no script can read. One tab renews at a time (Web Locks) and hands the new token
 * to the others; signing out reaches all of them (BroadcastChannel).
 */
import { signal } from "@preact/signals-core";
import { ApiProblem, asProblem } from "../api/problems";
import { now } from "../clock";
import { config } from "../config";
import { forgetPerson, kept } from "../store";
import { type Renewed, sessionRoutes } from "./routes";

/**
 * `starting`: not known yet. `signed_out`: show the way in. `ended`: the session ended under
 * somebody who is at work; what is on the screen stays and they sign in above it. `offline`: the
 * API could not be asked; what was kept may be read.
 */
export type SessionState = "starting" | "signed_in" | "signed_out" | "ended" | "offline";

type Token = { value: string; expiresAt: number };
type Message = { kind: "token"; renewed: Renewed } | { kind: "signed_out" };

export const sessionState = signal<SessionState>("starting");

const RENEW_BEFORE_MS = 60_000;
const LOCK = "greenroom.session";

let token: Token | undefined;
/** Whose the things are that this browser has kept, also from before this page was opened. */
let lastSubject = kept.read<string>("subject");
let waiting: (() => void)[] = [];
const leaving = new Set<() => void>();
const channel = openChannel();

function openChannel(): BroadcastChannel | undefined {
  try {
    return new BroadcastChannel(LOCK);
  } catch {
    return undefined; // a browser without, or one that blocks storage: each tab is alone then
  }
}

/** Registers a cleanup for when the person signs out or another one signs in. */
export function onPersonLeft(forget: () => void): void {
  leaving.add(forget);
}

let personsSeen = 0;

/** Returns what changes when the person leaves: an answer to a call made before belongs to nobody. */
export const personNumber = (): number => personsSeen;

function personLeft(): void {
  personsSeen += 1;
  forgetPerson();
  for (const forget of leaving) forget();
}

function wakeAll(): void {
  const woken = waiting;
  waiting = [];
  for (const wake of woken) wake();
}

/** The claims of a token that the API issued; the API verifies them, this only reads them. */
export function claimsOf(idToken: string): { sub?: string; email?: string } {
  try {
    const payload = (idToken.split(".")[1] ?? "").replace(/-/g, "+").replace(/_/g, "/");
    const bytes = Uint8Array.from(atob(payload), (character) => character.charCodeAt(0));
    return JSON.parse(new TextDecoder().decode(bytes)) as { sub?: string; email?: string };
  } catch {
    return {};
  }
}

/** The address of whoever is, or just was, signed in: proposed when they have to sign in again. */
export const lastEmail = signal("");

/** Holds a token to be used, before anything is drawn for whom it belongs to. */
function hold(renewed: Renewed): void {
  const claims = claimsOf(renewed.id_token ?? "");
  const expiresAt = Date.parse(renewed.expires_at);
  const subject = claims.sub;
  // Not the API's: nobody is signed in by it, and nothing of whoever is may be lost to it.
  if (!subject || !expiresAt) throw new ApiProblem("unreadable_answer", 200, "");
  if (lastSubject !== undefined && lastSubject !== subject) personLeft();
  if (lastSubject !== subject) kept.write("subject", subject);
  lastSubject = subject;
  lastEmail.value = claims.email ?? lastEmail.value;
  token = { value: renewed.id_token, expiresAt };
}

function take(renewed: Renewed): void {
  hold(renewed);
  sessionState.value = "signed_in";
  wakeAll();
}

let askFirst: (() => void) | undefined;

/**
 * Registers what the first screen is made of: asked for before it is drawn, which takes a while. The
 * session may have been quicker than the script that has this to say.
 */
export function onFirstToken(ask: () => void): void {
  if (token) ask();
  else askFirst = ask;
}

/** Takes over what a sign-in answered, in every tab. */
export function signedIn(renewed: Renewed): void {
  take(renewed);
  channel?.postMessage({ kind: "token", renewed } satisfies Message);
}

function ended(): void {
  token = undefined;
  if (sessionState.value === "signed_in") sessionState.value = "ended";
  else if (sessionState.value !== "ended") sessionState.value = "signed_out";
}

function forgetSession(): void {
  token = undefined;
  lastSubject = undefined;
  personLeft();
  sessionState.value = "signed_out";
  // Calls that waited for somebody to sign in again end with the session they belonged to.
  wakeAll();
}

channel?.addEventListener("message", (event: MessageEvent<Message>) => {
  if (event.data.kind === "token") take(event.data.renewed);
  else forgetSession();
});

/** Runs `work` while no other tab does. Where a browser that blocks storage has no locks, just so. */
async function alone<T>(work: () => Promise<T>): Promise<T> {
  if (!("locks" in navigator)) return work();
  let begun = false;
  try {
    return (await navigator.locks.request(LOCK, () => {
      begun = true;
      return work();
    })) as T;
  } catch (error) {
    if (begun) throw error;
    return work();
  }
}

function fresh(refused?: string): Token | undefined {
  return token && token.value !== refused && token.expiresAt - now() > RENEW_BEFORE_MS
    ? token
    : undefined;
}

let renewing: Promise<void> | undefined;

/** Renews unless another tab just did. `refused`: a token that the API would not take. */
function renew(refused?: string): Promise<void> {
  renewing ??= alone(async () => {
    // Another tab's token may have arrived while this one waited for the lock.
    await new Promise((resolve) => setTimeout(resolve, 0));
    if (fresh(refused)) return;
    try {
      const { issuer } = await config();
      const renewed = issuer
        ? await (await import("./foreign")).renew(issuer)
        : await sessionRoutes.renew();
      if (sessionState.peek() === "starting") {
        hold(renewed);
        askFirst?.();
        await new Promise((resolve) => setTimeout(resolve, 0));
      }
      signedIn(renewed);
    } catch (error) {
      const problem = asProblem(error);
      // A 403 without a code of the API's is some proxy's or firewall's.
      if (problem.status === 401 || (problem.status === 403 && problem.body.code)) ended();
      throw problem;
    }
  }).finally(() => {
    renewing = undefined;
  });
  return renewing;
}

/** Finds out whether this browser has a session: at the start, and when it is back online. */
export async function begin(): Promise<void> {
  try {
    await renew();
  } catch (error) {
    if (sessionState.value === "starting") {
      sessionState.value = asProblem(error).passing ? "offline" : "signed_out";
    }
  }
}

/**
 * A token that is good for a call now. Renews when it is about to lapse; when the session has
 * ended it waits until the person has signed in again, so that their call goes on.
 */
export async function bearer(refused?: string): Promise<string> {
  for (;;) {
    const usable = fresh(refused);
    if (usable) return usable.value;
    if (sessionState.value === "signed_out") {
      throw new ApiProblem("unauthenticated", 401, "Nobody is signed in.");
    }
    if (sessionState.value === "ended") {
      await new Promise<void>((resolve) => waiting.push(resolve));
      if (token && token.value !== refused) return token.value;
      continue;
    }
    try {
      await renew(refused);
      // However short-lived the new token seems: renewing once more would not better it.
      if (token && token.value !== refused) return token.value;
      throw new ApiProblem("unauthenticated", 401, "The session could not be renewed.");
    } catch (error) {
      if ((sessionState.value as SessionState) !== "ended") throw error;
    }
  }
}

export async function signOut(everywhere = false): Promise<void> {
  const { issuer } = await config();
  await alone(async () => {
    if (issuer) await (await import("./foreign")).signOut(issuer);
    else await sessionRoutes.signOut(everywhere);
  });
  channel?.postMessage({ kind: "signed_out" } satisfies Message);
  forgetSession();
}
