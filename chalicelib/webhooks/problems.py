"""Codes of errors of webhooks' fields."""

FIELD_CODES = frozenset(
    {"not_an_address", "not_https", "wrong_port", "inner_address", "own_address"}
)
"""Of the address; the same codes in the log of deliveries say why nothing was sent."""
