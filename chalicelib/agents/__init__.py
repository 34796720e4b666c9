"""Tools for agents over the Model Context Protocol: reading, and drafts that a person publishes."""
