"""Sign-in as a seeded person: `POST /session`, as any client does it."""

import requests

from local.failure import Failure

TIMEOUT_SECONDS = 30


def sign_in(api_url: str, email: str, password: str) -> str:
    """Return the ID token of a person, which the API takes as bearer."""
    try:
        answer = requests.post(
            f"{api_url}/session",
            json={"email": email, "password": password},
            timeout=TIMEOUT_SECONDS,
        )
        content = answer.json()
    except (requests.RequestException, ValueError):
        raise Failure(
            "The API does not answer a sign-in.", "Look whether the stack is up: make run."
        ) from None
    token = content.get("id_token")
    if not isinstance(token, str):
        reason = content.get("detail") or content.get("status") or answer.status_code
        raise Failure(
            f"{email} could not sign in: {reason}", "make clean and make run give new passwords."
        )
    return token
