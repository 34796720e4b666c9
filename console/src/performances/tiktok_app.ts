/** A link that opens the TikTok app. TikTok documents none to the inbox, so it opens the app itself. */
const SITE = "https://www.tiktok.com/";

export function isPhone(): boolean {
  return matchMedia("(pointer: coarse) and (hover: none)").matches;
}

/** On Android an intent names the app and falls back to the site; elsewhere the site opens the app. */
export function tiktokAppLink(userAgent: string = navigator.userAgent): string {
  if (!/Android/.test(userAgent)) return SITE;
  const fallback = encodeURIComponent(SITE);
  return `intent://www.tiktok.com/#Intent;scheme=https;package=com.zhiliaoapp.musically;S.browser_fallback_url=${fallback};end`;
}

/**
 * Seen in public code and documented nowhere: TikTok's own app, and its Asian sibling. They may do
 * nothing, so a written path stands beside them and nothing depends on them.
 */
export const INBOX_LINKS = ["snssdk1233://notification", "snssdk1180://notification"];
