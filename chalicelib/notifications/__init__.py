"""Notifications of members: notices in the app, and mails and pushes by their choice."""
