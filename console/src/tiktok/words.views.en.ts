export default {
  views: "Views of your posts",
  views_off: "Off. Greenroom cannot see how often your posts are seen.",
  views_text:
    "If you allow it, Greenroom reads views, likes, comments, shares and the link of the posts that you made from its videos, for 30 days after each post. You see them in your history, and your managers see them added up in their reports.",
  views_limits:
    "TikTok calls this permission “Read your public videos”. Greenroom asks only about its own videos, never about others. Your sends and points are the same without it, and you can take it back here at any time: what was read is then removed.",
  views_allow: "Allow at TikTok",
  views_leaving: "On the way to TikTok …",
  views_on: "Allowed since {when}.",
  views_end: "Take back and remove",
  views_ended: "Taken back. What was read is removed.",
  views_denied: "You left this permission switched off at TikTok, so nothing of your posts is read. Your account stays connected.",
  views_not_offered: "It is not asked for here any more, and nothing is read.",
  counted_views: { one: "{count} view", other: "{count} views" },
  counted_likes: { one: "{count} like", other: "{count} likes" },
  counted_comments: { one: "{count} comment", other: "{count} comments" },
  counted_at: "as of {when}",
  see_post: "See the post on TikTok",
} as const;
