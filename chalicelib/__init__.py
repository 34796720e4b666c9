"""Greenroom's packages, each of which imports only those before it.

`foundation < audit < programs < videos, tiktok, sessions < activities < points
< performances, rewards < webhooks < reports < notifications < me < privacy < agents`
"""
