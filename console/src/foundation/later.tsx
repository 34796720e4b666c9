import type { ComponentType } from "preact";
import { useEffect, useState } from "preact/hooks";
import { ErrorState } from "./ui/parts";

/**
 * A component that is loaded when it is first shown, and renders nothing until then. For parts of a
 * screen; screens themselves are loaded by the router, which shows the last one meanwhile. If loading
 * fails, an error with a button to try again is shown in its place.
 */
export function later<Props extends object>(load: () => Promise<{ default: ComponentType<Props> }>): ComponentType<Props> {
  let loaded: ComponentType<Props> | undefined;
  return function Later(props: Props) {
    const [failure, setFailure] = useState<unknown>();
    const [, setTries] = useState(0);
    const attempt = (): void => {
      load().then(
        (module) => {
          loaded = module.default;
          setTries((tries) => tries + 1);
        },
        (error: unknown) => setFailure(error ?? new Error("not loaded")),
      );
    };
    useEffect(() => {
      if (!loaded) attempt();
    }, []);
    const Loaded = loaded;
    if (Loaded) return <Loaded {...props} />;
    return failure ? <ErrorState error={failure} onRetry={tryAgain(attempt)} /> : null;
  };
}

/** A file that failed once stays failed for some browsers until the page is loaded anew. */
const tryAgain = (attempt: () => void) => (): void => (navigator.onLine ? location.reload() : attempt());

/** Loads a screen, or an error screen if that fails. The router would wait forever. */
export function orFailure(load: () => Promise<{ default: ComponentType }>): () => Promise<{ default: ComponentType }> {
  const Again = later(load);
  return () => load().catch(() => ({ default: Again }));
}

/** Runs `work` when the browser is idle; returns a function that cancels it. */
export function whenIdle(work: () => void): () => void {
  // Safari has no idle callbacks.
  if (!("requestIdleCallback" in globalThis)) {
    const timer = setTimeout(work, 1_000);
    return () => clearTimeout(timer);
  }
  const asked = requestIdleCallback(work);
  return () => cancelIdleCallback(asked);
}
