"""Codes of fields that are not right in requests for reports."""

FIELD_ERROR_CODES = frozenset({"before_from", "out_of_range", "too_long"})
