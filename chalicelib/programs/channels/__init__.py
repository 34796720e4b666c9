"""Channels: named audiences, and who is in them."""
