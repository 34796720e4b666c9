"""The places in members' TikTok inboxes that are counted as taken."""
