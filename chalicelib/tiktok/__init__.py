"""TikTok: a client that knows no table, webhook signatures, member accounts and their consent."""
