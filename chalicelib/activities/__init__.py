"""Activities: their life from processing to ended, and the feed members find them in."""
