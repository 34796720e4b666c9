"""Members as managers see them: invited, imported, given roles, removed."""
