/** Reports which cards were visible to the member: in batches, without delaying anything. */
import { api } from "../foundation/api/client";

const BATCH_MS = 10_000;
const MOST = 50;
const HALF = 0.5;

const told = new Set<string>();
let waiting = new Set<string>();
let timer: ReturnType<typeof setTimeout> | undefined;

function flush(): void {
  clearTimeout(timer);
  timer = undefined;
  if (!waiting.size) return;
  const ids = [...waiting].slice(0, MOST);
  waiting = new Set([...waiting].slice(MOST));
  // Cards that could not be reported are reported when they are seen again, after a reload.
  api.POST("/feed/seen", { body: { activity_ids: ids } }).catch(() => undefined);
  if (waiting.size) flush();
}

/** Watches a card until half of it was seen once; answers how to stop. */
export function watchSeen(card: Element, id: string): () => void {
  if (told.has(id)) return () => undefined;
  const observer = new IntersectionObserver(
    ([entry]) => {
      if (!entry?.isIntersecting) return;
      observer.disconnect();
      told.add(id);
      waiting.add(id);
      if (waiting.size >= MOST) flush();
      else timer ??= setTimeout(flush, BATCH_MS);
    },
    { threshold: HALF },
  );
  observer.observe(card);
  return () => observer.disconnect();
}

if (typeof document !== "undefined") {
  document.addEventListener("visibilitychange", () => {
    if (document.visibilityState === "hidden") flush();
  });
}
