"""A stand-in for TikTok on a laptop: one server process, as strict as TikTok's documentation.

It plays the four parts of TikTok that Greenroom talks to: the consent page and tokens
(`oauth`), the inbox upload and its status (`inbox`), the webhooks (`webhooks`), and the person
with a phone who finds the staged video in the inbox and posts it (`pages`). The
rules of the documentation are in `rules`, free of any I/O. `control` is for tests only: what was
received, which rules were broken, the clock, and faults to be made.
"""
