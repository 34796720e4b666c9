"""What needs a hand of a manager."""
