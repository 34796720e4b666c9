"""Maps each mutated module to the tests that should kill its mutants."""

_RULES = (
    "tests/unit/test_performance_model.py",
    "tests/integration/test_performance_store.py",
)
_STAGING = (
    "tests/unit/test_performance_model.py",
    "tests/integration/test_performance_store.py",
    "tests/integration/test_waiting.py",
    "tests/integration/test_inbox.py",
    "tests/integration/test_staging.py",
    "tests/integration/test_performances.py",
    "tests/integration/test_trying.py",
    "tests/integration/test_failed_messages.py",
)
_POINTS = (
    "tests/unit/test_points_model.py",
    "tests/unit/test_periods.py",
    "tests/unit/test_ranking.py",
    "tests/integration/test_points.py",
    "tests/integration/test_leaderboard.py",
)
_TIKTOK = (
    "tests/unit/test_tiktok_errors.py",
    "tests/unit/test_tiktok_chunks.py",
    "tests/unit/test_tiktok_webhooks.py",
    "tests/unit/test_tiktok_model.py",
    "tests/integration/test_accounts.py",
)
_CLIENT = (*_TIKTOK[:-1], "tests/integration/test_tiktok_client.py")
_PRIVACY_RULES = ("tests/unit/test_privacy_model.py",)
_VIDEOS = (
    "tests/unit/test_video_rules.py",
    "tests/unit/test_upload_model.py",
)

SUITES = {
    "chalicelib.performances.events": ("tests/unit/test_events.py",),
    "chalicelib.performances.model": _RULES,
    "chalicelib.performances.queue": _STAGING,
    "chalicelib.performances.service": _STAGING,
    "chalicelib.performances.staging": _STAGING,
    "chalicelib.performances.staging_run": _STAGING,
    "chalicelib.performances.store": _RULES,
    "chalicelib.performances.tiktok_webhooks.service": _STAGING,
    "chalicelib.points.board_store": _POINTS,
    "chalicelib.points.boards": _POINTS,
    "chalicelib.points.model": _POINTS,
    "chalicelib.points.periods": _POINTS,
    "chalicelib.points.ranking": _POINTS,
    "chalicelib.points.service": _POINTS,
    "chalicelib.points.store": _POINTS,
    "chalicelib.privacy.model": _PRIVACY_RULES,
    "chalicelib.tiktok.access_tokens.service": _TIKTOK,
    "chalicelib.tiktok.chunks": _CLIENT,
    "chalicelib.tiktok.client": _CLIENT,
    "chalicelib.tiktok.consents.service": _TIKTOK,
    "chalicelib.tiktok.consents.store": _TIKTOK,
    "chalicelib.tiktok.errors": _CLIENT,
    "chalicelib.tiktok.inbox.store": _STAGING,
    "chalicelib.tiktok.model": _TIKTOK,
    "chalicelib.tiktok.service": _TIKTOK,
    "chalicelib.tiktok.store": _TIKTOK,
    "chalicelib.tiktok.webhooks": _TIKTOK,
    "chalicelib.videos.model": _VIDEOS,
}
