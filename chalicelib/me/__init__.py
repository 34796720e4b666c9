"""The caller's own view over several packages."""
