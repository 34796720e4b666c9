"""Switching mails off by a link, without a sign-in."""
