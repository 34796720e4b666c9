"""Codes of errors of webhooks' fields."""

FIELD_ERROR_CODES = frozenset(
    {"not_an_address", "not_https", "wrong_port", "inner_address", "own_address"}
)
"""Codes for the address; the log of deliveries uses them to say why nothing was sent."""
