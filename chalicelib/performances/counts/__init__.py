"""TikTok's counts of posts, read for members who allow it."""
