import { useState } from "preact/hooks";

/** A request that a press makes: whether it is under way, which takes no second press, and what went wrong. */
export function useRequest() {
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>();
  const run = async (act: () => Promise<unknown>): Promise<void> => {
    if (busy) return;
    setBusy(true);
    setError(undefined);
    try {
      await act();
    } catch (caught) {
      setError(caught);
    }
    setBusy(false);
  };
  return { busy, error, setError, run };
}
