"""Campaigns: groups of activities with one purpose."""
