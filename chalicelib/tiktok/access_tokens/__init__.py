"""Access tokens of connected accounts, refreshed ahead of need, one worker at a time."""
