"""The local cloud: package the app, deploy it on this machine, seed it, and walk through it."""
