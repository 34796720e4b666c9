const PATIENCE_MS = 5_000;
const LOOK_MS = 100;
/** Parts above it may still be loading and push it down; the screen's heading may take the focus late. */
const STEADY = 4;

/** Brings a part of a screen into sight and gives its heading the focus, as soon as it is there. */
export function reveal(id: string | undefined): void {
  if (!id) return;
  const abort = new AbortController();
  const { signal } = abort;
  const until = performance.now() + PATIENCE_MS;
  let steady = 0;
  const look = (): void => {
    if (signal.aborted) return;
    const part = document.getElementById(id);
    if (part) {
      const heading = part.querySelector<HTMLElement>("h2, legend") ?? part;
      steady = document.activeElement === heading ? steady + 1 : 0;
      heading.tabIndex = -1;
      heading.focus({ preventScroll: true });
      part.scrollIntoView();
    }
    if (steady >= STEADY || performance.now() > until) abort.abort();
    else setTimeout(look, LOOK_MS);
  };
  // After the press that led here.
  setTimeout(() => {
    // From the next one on, a person looks where they want.
    for (const press of ["keydown", "pointerdown", "wheel"]) addEventListener(press, () => abort.abort(), { signal });
    look();
  });
}
