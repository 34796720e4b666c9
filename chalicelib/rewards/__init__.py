"""Rewards: what points buy, and the redemptions of them."""
