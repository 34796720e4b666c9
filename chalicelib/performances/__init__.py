"""Performances: one member performing one activity, from queued to staged to posted."""
