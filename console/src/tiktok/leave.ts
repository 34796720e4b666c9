/** The way to TikTok's consent page and back. Nothing secret is kept: only where one was. */

/** Leaves for the page that the API named, and never ends; anything but a web address is refused. */
export function leaveForTikTok(url: string): Promise<never> {
  const target = new URL(url);
  if (target.protocol !== "https:" && target.protocol !== "http:") throw new TypeError("not a web address");
  // Come back by a gesture, the page would still wait for this.
  addEventListener("pageshow", (event) => event.persisted && location.reload());
  location.assign(target.href);
  return new Promise(() => {});
}
