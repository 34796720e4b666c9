"""Joining and leaving a program oneself: one's own invitations, and the way out."""
