/** Small things this browser remembers. Storage may be full, refused or forbidden: then it forgets. */
const PREFIX = "greenroom.";

function read<T>(storage: () => Storage, name: string): T | undefined {
  try {
    const text = storage().getItem(PREFIX + name);
    return text === null ? undefined : (JSON.parse(text) as T);
  } catch {
    return undefined;
  }
}

function write(storage: () => Storage, name: string, value: unknown): boolean {
  try {
    if (value === undefined) storage().removeItem(PREFIX + name);
    else storage().setItem(PREFIX + name, JSON.stringify(value));
    return true;
  } catch {
    return false;
  }
}

const everywhere = () => localStorage;
const thisTab = () => sessionStorage;

/** Kept until removed, seen by all tabs. */
export const kept = {
  read: <T>(name: string) => read<T>(everywhere, name),
  write: (name: string, value: unknown) => write(everywhere, name, value),
};

/** Kept as long as this tab. */
export const keptInTab = {
  read: <T>(name: string) => read<T>(thisTab, name),
  write: (name: string, value: unknown) => write(thisTab, name, value),
};

/** Which activity a manager was about to try when TikTok's consent was needed first. */
export const TRIAL = "trial";

/** What stays when somebody signs out: how the device's user wants the console to look. */
const OF_THE_DEVICE = new Set(["theme", "language"]);

export function forgetPerson(): void {
  try {
    indexedDB.deleteDatabase("greenroom"); // the chosen video, whose module this page may not have
  } catch {
    // Storage is blocked, so nothing was kept.
  }
  for (const storage of [everywhere, thisTab]) {
    try {
      const names = Object.keys(storage()).filter(
        (name) => name.startsWith(PREFIX) && !OF_THE_DEVICE.has(name.slice(PREFIX.length)),
      );
      for (const name of names) storage().removeItem(name);
    } catch {
      // Nothing can be read here, so nothing is kept here.
    }
  }
}
