"""Redemptions: members ask for rewards, managers fulfil or reject."""
