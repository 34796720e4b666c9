/** Pushes to this browser: what it can do, switching them on and off, and keeping them in order. */
import { answer, api, type Schemas } from "../foundation/api/client";
import { queryClient } from "../foundation/api/queries";
import { kept } from "../foundation/store";
import { language } from "../foundation/words";

export type PushView = Schemas["PushView"];
export const PUSH = ["push"];

/**
 * `install`: an iPhone or iPad, which takes pushes in the installed app alone. `blocked`: the person
 * said no, or took their permission back; only the browser's own settings undo that.
 */
export type Ability = "able" | "none" | "install" | "blocked";

export function ability(): Ability {
  if ((navigator as { standalone?: boolean }).standalone === false) return "install";
  if (!("serviceWorker" in navigator && "PushManager" in globalThis && "Notification" in globalThis)) return "none";
  return Notification.permission === "denied" ? "blocked" : "able";
}

/** Why a browser could not be subscribed: `blocked`, or its push service was not reached. */
export class NotSubscribed extends Error {
  constructor(readonly why: "blocked" | "unreached") {
    super(why);
  }
}

const LABEL_LENGTH = 60;

export function label(userAgent: string): string {
  const browser = /Edg/.test(userAgent)
    ? "Edge"
    : /Firefox|FxiOS/.test(userAgent)
      ? "Firefox"
      : /Chrome|CriOS/.test(userAgent)
        ? "Chrome"
        : /Safari/.test(userAgent)
          ? "Safari"
          : "Browser";
  const system = (/Android/.exec(userAgent) ?? /iPhone|iPad|Windows|Mac OS X|CrOS|Linux/.exec(userAgent))?.[0];
  return (system ? `${browser}, ${system.replace(" OS X", "")}` : browser).slice(0, LABEL_LENGTH);
}

export function bytesOf(base64url: string): Uint8Array<ArrayBuffer> {
  const text = atob(base64url.replace(/-/g, "+").replace(/_/g, "/"));
  return Uint8Array.from(text, (each) => each.charCodeAt(0));
}

/** The id that the server gives a browser, made of its address alone. */
export async function deviceId(endpoint: string): Promise<string> {
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(endpoint));
  const hex = Array.from(new Uint8Array(digest), (each) => each.toString(16).padStart(2, "0")).join("");
  return `dev_${hex.slice(0, 26)}`;
}

export const readPush = (): Promise<PushView> => answer(api.GET("/me/push"));

async function subscription(): Promise<PushSubscription | null> {
  const worker = await navigator.serviceWorker.getRegistration();
  return (await worker?.pushManager.getSubscription()) ?? null;
}

/** Is this browser subscribed, with the key that the stack has now? */
async function own(publicKey: string): Promise<PushSubscription | null> {
  const found = await subscription();
  const key = found?.options.applicationServerKey;
  if (!found || !key) return found;
  const same = bytesOf(publicKey).every((each, index) => each === new Uint8Array(key)[index]);
  if (same) return found;
  await found.unsubscribe(); // it takes nothing that another key signs
  return null;
}

async function tell(found: PushSubscription): Promise<PushView> {
  const { endpoint, keys } = found.toJSON();
  const view = await answer(
    api.POST("/me/push/devices", {
      body: {
        endpoint: endpoint ?? found.endpoint,
        p256dh: keys?.p256dh ?? "",
        auth: keys?.auth ?? "",
        label: label(navigator.userAgent),
        language: language.value,
      },
    }),
  );
  kept.write("push", await deviceId(found.endpoint));
  queryClient.setQueryData(PUSH, view);
  return view;
}

/** Called by a tap: the browser asks the person, who may say no. Raises `NotSubscribed`. */
export async function switchOn(publicKey: string): Promise<void> {
  if ((await Notification.requestPermission()) === "denied") throw new NotSubscribed("blocked");
  const worker = await navigator.serviceWorker.ready;
  let found = await own(publicKey);
  try {
    found ??= await worker.pushManager.subscribe({ userVisibleOnly: true, applicationServerKey: bytesOf(publicKey) });
  } catch {
    // Put off without an answer, or a browser whose makers' push service is blocked here.
    throw new NotSubscribed(ability() === "blocked" ? "blocked" : "unreached");
  }
  await tell(found);
}

/** Stops pushes to a device; to this one, in the browser as well. */
export async function switchOff(id: string): Promise<void> {
  const found = await subscription().catch(() => null);
  if (found && (await deviceId(found.endpoint)) === id) await found.unsubscribe();
  if (kept.read<string>("push") === id) kept.write("push", undefined);
  await answer(api.DELETE("/me/push/devices/{device_id}", { params: { path: { device_id: id } } })).catch(
    (error: unknown) => {
      if ((error as { status?: number }).status !== 404) throw error; // gone already
    },
  );
  await queryClient.invalidateQueries({ queryKey: PUSH });
}

/**
 * Brings browser and server together again: an address that the browser changed is told, and one
 * whose permission was taken back is forgotten. Returns this browser's id if pushes come here.
 */
export async function settle(view: PushView): Promise<string | undefined> {
  const before = kept.read<string>("push");
  const granted = ability() === "able" && Notification.permission === "granted";
  let found = granted ? await own(view.public_key) : null;
  if (granted && before && !found) {
    const worker = await navigator.serviceWorker.ready;
    found = await worker.pushManager
      .subscribe({ userVisibleOnly: true, applicationServerKey: bytesOf(view.public_key) })
      .catch(() => null);
  }
  const id = found ? await deviceId(found.endpoint) : undefined;
  if (before && before !== id) await switchOff(before);
  // Subscribed, but not by this person: switched on again by a tap alone.
  if (!found || !before) return undefined;
  await tell(found);
  return id;
}

/** At startup: registers the browser's subscription again if it differs from the server's. */
export async function heal(): Promise<void> {
  const before = kept.read<string>("push");
  const found = ability() === "able" ? await subscription() : null;
  if (!before) await found?.unsubscribe(); // it was somebody else's
  else if (!found || (await deviceId(found.endpoint)) !== before) await settle(await readPush());
}

/** This browser takes no pushes any more; the push service tells the server, who asks it last. */
export async function stop(): Promise<void> {
  await (await subscription())?.unsubscribe();
}

/** Before signing out everywhere: no device of the person takes pushes any more. */
export async function leaveEverywhere(): Promise<void> {
  await answer(api.DELETE("/me/push/devices"));
}
