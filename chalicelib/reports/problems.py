"""Codes of fields that are not right in requests for reports."""

FIELD_CODES = frozenset({"before_from", "out_of_range", "too_long"})
