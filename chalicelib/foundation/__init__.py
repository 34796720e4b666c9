"""Shared foundation: settings, clock, ids, problems, events, identity, HTTP, tables."""
