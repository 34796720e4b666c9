"""Events for the outside: the public contract, and webhooks that carry it to other systems."""
