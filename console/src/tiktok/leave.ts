/** Redirects to TikTok's consent page and back. Keeps only the page to return to, nothing secret. */

/** Redirects to the address from the API and never resolves; refuses anything but a web address. */
export function leaveForTikTok(url: string): Promise<never> {
  const target = new URL(url);
  if (target.protocol !== "https:" && target.protocol !== "http:") throw new TypeError("not a web address");
  // Come back by a gesture, the page would still wait for this.
  addEventListener("pageshow", (event) => event.persisted && location.reload());
  location.assign(target.href);
  return new Promise(() => {});
}
