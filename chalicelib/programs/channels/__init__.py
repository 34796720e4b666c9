"""Channels: named audiences and their members."""
