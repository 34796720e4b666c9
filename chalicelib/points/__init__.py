"""Points: an append-only ledger per member, and the totals it adds up to."""
