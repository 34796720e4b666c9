/** After a change of screen: the heading gets the focus, so that a screen reader says where one is. */
let first = true;

export function focusHeading(): void {
  if (first) {
    first = false;
    return;
  }
  const heading = document.querySelector<HTMLElement>("#main h1") ?? document.querySelector<HTMLElement>("#main");
  heading?.focus({ preventScroll: true });
}
