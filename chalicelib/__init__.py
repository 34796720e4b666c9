"""Greenroom's rooms, each of which may know those before it.

`foundation < programs < videos, tiktok < activities < points < performances`
"""
