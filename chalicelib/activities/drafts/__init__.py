"""Drafts of activities: proposed by an agent or a person, published by a manager."""
