/** Where the focus goes when the screen changes, or what had it leaves the page. */

/** Gives it to the heading, so that a screen reader says where one is. */
export function focusHeading(): void {
  const heading = document.querySelector<HTMLElement>("#main h1") ?? document.querySelector<HTMLElement>("#main");
  heading?.focus({ preventScroll: true });
}

const ROW = "li, tr, article";
const FOCUSABLE = "a[href], button:not(:disabled), input:not(:disabled), select, textarea";

let last: { element: Element; rows: Element | null | undefined; at: number } | undefined;

addEventListener("focusin", ({ target }) => {
  if (!(target instanceof Element) || !target.closest("#main") || target.closest("dialog, [popover]")) return;
  const row = target.closest(ROW);
  const rows = row?.parentElement;
  last = { element: target, rows, at: row && rows ? [...rows.children].indexOf(row) : 0 };
});

/** Hands it on when its row is done with: to the row that is in its place now, or else to the heading. */
function handOn(): void {
  if (!last || last.element.isConnected || (document.activeElement ?? document.body) !== document.body) return;
  const { rows, at } = last;
  last = undefined;
  const row = rows?.isConnected ? (rows.children[at] ?? rows.lastElementChild) : undefined;
  const next = row?.querySelector<HTMLElement>(FOCUSABLE);
  if (next) next.focus({ preventScroll: true });
  else focusHeading();
}

new MutationObserver(handOn).observe(document.documentElement, { childList: true, subtree: true });
