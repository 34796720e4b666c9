"""Signing in as a seeded person: Cognito's InitiateAuth, over plain HTTP as any client does it."""

from collections.abc import Mapping

import requests

from local.failure import Failure

TARGET = "AWSCognitoIdentityProviderService.InitiateAuth"
TIMEOUT_SECONDS = 30


def sign_in(identity: Mapping[str, str], email: str, password: str) -> str:
    """The ID token of a person, which the API takes as bearer. Nothing is signed with AWS keys."""
    try:
        answer = requests.post(
            identity["endpoint_url"],
            headers={"X-Amz-Target": TARGET, "Content-Type": "application/x-amz-json-1.1"},
            json={
                "AuthFlow": "USER_PASSWORD_AUTH",
                "ClientId": identity["client_id"],
                "AuthParameters": {"USERNAME": email, "PASSWORD": password},
            },
            timeout=TIMEOUT_SECONDS,
        )
        content = answer.json()
    except (requests.RequestException, ValueError):
        raise Failure(
            "The identity provider does not answer.", "Look whether the stack is up: make run."
        ) from None
    token = (content.get("AuthenticationResult") or {}).get("IdToken")
    if not isinstance(token, str):
        reason = content.get("message") or content.get("__type") or answer.status_code
        raise Failure(
            f"{email} could not sign in: {reason}", "make clean and make run give new passwords."
        )
    return token
