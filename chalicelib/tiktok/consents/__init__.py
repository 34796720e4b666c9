"""Consents: a member is sent to TikTok's page and comes back with their account connected."""
