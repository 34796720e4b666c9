"""Uploads and videos: presigned forms, the rules a video must keep, and who looks at it."""
