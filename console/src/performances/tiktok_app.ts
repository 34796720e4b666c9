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
