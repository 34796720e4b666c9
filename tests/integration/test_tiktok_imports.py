"""A function that never calls TikTok does not pay for the HTTP library that does."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
SERVICES = (
    "chalicelib.tiktok.service",
    "chalicelib.tiktok.consents.service",
    "chalicelib.tiktok.access_tokens.service",
    "chalicelib.tiktok.inbox.service",
    "chalicelib.tiktok.pending_sends.service",
)


def test_no_service_of_tiktok_imports_the_http_library() -> None:
    program = (
        f"import sys, {', '.join(SERVICES)}\n"
        "print(sorted({'requests', 'chalicelib.tiktok.client'} & set(sys.modules)))"
    )
    ended = subprocess.run(
        [sys.executable, "-c", program],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
        timeout=300,
    )
    assert ended.stdout == "[]\n"
