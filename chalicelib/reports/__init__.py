"""Reports: what is counted from events, what needs a hand, and exports; derived, never decisive."""
