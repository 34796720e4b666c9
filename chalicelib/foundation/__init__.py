"""What all packages build on: settings, clock, ids, problems, events, identity, HTTP, tables."""
