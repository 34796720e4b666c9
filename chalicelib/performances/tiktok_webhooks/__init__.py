"""TikTok's webhooks: what became of a video or of a consent."""
