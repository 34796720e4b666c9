"""Sign-in from a shell: a bearer token by `POST /session`, as the console gets one."""

from collections.abc import Callable
from typing import Any

import requests

TIMEOUT_SECONDS = 30


class NotSignedIn(Exception):
    """The API did not sign the person in; the message says why, for people."""


def sign_in(
    public_url: str,
    email: str,
    password: str,
    *,
    ask_new: Callable[[], str],
    ask_code: Callable[[], str],
) -> str:
    """Return the ID token of a person.

    `ask_new` is asked when the password was a first one, `ask_code` when an authenticator is set
    up. Raises `NotSignedIn`.
    """
    answer = _session(public_url, {"email": email, "password": password})
    if answer.get("status") == "new_password_required":
        chosen = {"new_password": ask_new(), "challenge": answer["challenge"]}
        answer = _session(public_url, {"email": email, **chosen})
    if answer.get("status") == "mfa_required":
        given = {"code": ask_code(), "challenge": answer["challenge"]}
        answer = _session(public_url, {"email": email, **given})
    if answer.get("status") == "mfa_setup_required":
        raise NotSignedIn(
            "Managers of this stack need an authenticator. Set one up by signing in at the console."
        )
    if answer.get("status") != "signed_in":
        raise NotSignedIn(
            f"The sign-in asks for a step that this command does not know: {answer.get('status')}."
            " Sign in at the console."
        )
    return str(answer["id_token"])


def _session(public_url: str, body: dict[str, str]) -> dict[str, Any]:
    try:
        sent = requests.post(f"{public_url}/session", json=body, timeout=TIMEOUT_SECONDS)
        content = sent.json()
    except (requests.RequestException, ValueError) as error:
        raise NotSignedIn(f"{public_url} does not answer: {type(error).__name__}.") from error
    if not sent.ok:
        raise NotSignedIn(str(content.get("detail") or content))
    return dict(content)
