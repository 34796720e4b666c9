/**
 * The chosen video, kept by this browser until it has arrived, so that a reload can send it again.
 * Where there is no room for it, it is simply not kept.
 */
import { onPersonLeft } from "../foundation/session/session";

const NAME = "greenroom";
const STORE = "files";
const KEY = "draft";

function wanted<T>(request: IDBRequest<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    request.addEventListener("success", () => resolve(request.result));
    request.addEventListener("error", () => reject(request.error ?? new Error(NAME)));
  });
}

/** Done once the transaction is: that there is no room for a file is found out only then. */
function finished(transaction: IDBTransaction): Promise<void> {
  return new Promise((resolve, reject) => {
    transaction.addEventListener("complete", () => resolve());
    transaction.addEventListener("abort", () => reject(transaction.error ?? new Error(NAME)));
  });
}

/** Runs one request; null where storage is full, refused or forbidden. */
async function run<T>(mode: IDBTransactionMode, ask: (store: IDBObjectStore) => IDBRequest<T>): Promise<T | null> {
  try {
    const opening = indexedDB.open(NAME, 1);
    opening.addEventListener("upgradeneeded", () => opening.result.createObjectStore(STORE));
    const database = await wanted(opening);
    try {
      const transaction = database.transaction(STORE, mode);
      const [answer] = await Promise.all([wanted(ask(transaction.objectStore(STORE))), finished(transaction)]);
      return answer;
    } finally {
      database.close();
    }
  } catch {
    return null;
  }
}

export const keptFile = {
  read: async (): Promise<File | undefined> => {
    const file = await run<unknown>("readonly", (store) => store.get(KEY) as IDBRequest<unknown>);
    return file instanceof File ? file : undefined;
  },
  /** Whether there was room. */
  write: async (file: File): Promise<boolean> => (await run("readwrite", (store) => store.put(file, KEY))) !== null,
  forget: async (): Promise<void> => {
    await run("readwrite", (store) => store.delete(KEY));
  },
};

onPersonLeft(() => void keptFile.forget());
