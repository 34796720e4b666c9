"""Sends that wait for a consent: made once the account is connected."""
