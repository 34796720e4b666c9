"""The cookie that binds a consent to a browser."""

from http.cookies import SimpleCookie

import pytest

from chalicelib.tiktok.consents.service import ConsentRequest
from chalicelib.tiktok.consents.views import COOKIE, consent_cookie
from chalicelib.tiktok.model import CONSENT_LIFETIME


def cookie_for(callback_url: str) -> str:
    begun = ConsentRequest("https://tiktok.example/authorize", "a-nonce", callback_url)
    headers = consent_cookie(begun)
    assert list(headers) == ["Set-Cookie"]
    return headers["Set-Cookie"]


def test_the_cookie_is_out_of_reach_and_short_lived_and_sent_to_the_callback_only() -> None:
    read = SimpleCookie(cookie_for("https://api.example/prod/tiktok/callback"))
    assert list(read) == [COOKIE]
    morsel = read[COOKIE]
    assert morsel.value == "a-nonce"
    assert morsel["path"] == "/prod/tiktok/callback"
    assert morsel["max-age"] == str(int(CONSENT_LIFETIME.total_seconds())) == "600"
    assert morsel["samesite"] == "Lax"  # TikTok leads the browser back from its own site
    assert morsel["httponly"] is True
    assert morsel["secure"] is True
    assert not morsel["domain"]


@pytest.mark.parametrize(
    ("callback_url", "secure"),
    [
        ("http://127.0.0.1:8000/tiktok/callback", False),
        ("http://localhost:8000/tiktok/callback", False),
        ("http://[::1]:8000/tiktok/callback", False),
        ("https://127.0.0.1/tiktok/callback", True),
        ("http://api.example/tiktok/callback", True),
        ("http://127.0.0.1.example/tiktok/callback", True),
        ("http://localhost.example/tiktok/callback", True),
    ],
)
def test_only_on_loopback_without_https_the_cookie_goes_in_the_clear(
    callback_url: str, secure: bool
) -> None:
    assert cookie_for(callback_url).endswith("; Secure") is secure


def test_the_repr_of_a_consent_request_hides_its_nonce() -> None:
    assert "a-nonce" not in repr(ConsentRequest("https://tiktok.example/?state=s", "a-nonce", ""))
