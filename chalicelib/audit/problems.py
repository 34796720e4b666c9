"""Codes of fields that are not right in requests for the audit trail."""

FIELD_ERROR_CODES = frozenset({"before_since", "out_of_range"})
