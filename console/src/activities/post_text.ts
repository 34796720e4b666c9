/** The text a member posts, as the API puts it together, and how much of TikTok's room it takes. */

export const MAX_POST_UNITS = 2200; // TikTok, Content Posting API: UTF-16 units of `title`
export const MAX_DISCLOSURE = 200;
/** A program may change its own line at any time, so the API keeps room for the longest. */
export const KEPT_FOR_DISCLOSURE = 2 * MAX_DISCLOSURE;

/** Caption, hashtags and disclosure, a line each. */
export function postText(caption: string, hashtags: string[], disclosure: string): string {
  return [caption.trim(), hashtags.join(" "), disclosure.trim()].filter(Boolean).join("\n");
}

/**
 * UTF-16 units that a caption takes with what goes with it. `disclosure` is null for the
 * program's own line, whose room is counted at its longest.
 */
export function postUnits(caption: string, hashtags: string[], disclosure: string | null): number {
  return postText(caption, hashtags, disclosure ?? "x".repeat(KEPT_FOR_DISCLOSURE)).length;
}

const NOT_IN_HASHTAG = /[^\p{L}\p{M}\p{N}_\u200c\u200d]/u;
const MAX_HASHTAG = 100;

/** Words as hashtags, each once in whatever case; `refused` are those that cannot be one. */
export function readHashtags(text: string): { hashtags: string[]; refused: string[] } {
  const hashtags = new Map<string, string>();
  const refused: string[] = [];
  for (const written of text.split(/[\s,;]+/)) {
    for (const word of written.split("#").filter(Boolean)) {
      if (NOT_IN_HASHTAG.test(word) || [...word].length > MAX_HASHTAG) refused.push(word);
      else if (!hashtags.has(word.toLowerCase())) hashtags.set(word.toLowerCase(), `#${word}`);
    }
  }
  return { hashtags: [...hashtags.values()], refused };
}
