"""What TikTok counts of posts, as far as their members let that be read."""
