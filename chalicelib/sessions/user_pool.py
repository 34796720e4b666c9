"""The stack's user pool, asked to sign people in.

Its errors become the few that matter here, without their messages and causes: a message may name
a person, and the cause of an error of boto3's may hold what was sent, a password among it.
"""

import base64
import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Literal

from chalicelib.foundation.logging import logger
from chalicelib.sessions.model import PoolChallenge, SignedIn, SignInStep

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from mypy_boto3_cognito_idp import CognitoIdentityProviderClient

type Answered = SignedIn | PoolChallenge
"""The pool's answer to right credentials: a session, or its next question."""

_NEW_PASSWORD: Literal["NEW_PASSWORD_REQUIRED"] = "NEW_PASSWORD_REQUIRED"  # noqa: S105  the challenge's name
_CODE: Literal["SOFTWARE_TOKEN_MFA"] = "SOFTWARE_TOKEN_MFA"


class CredentialsRefused(Exception):
    """The pool does not accept the person, the password, the code or the token."""


class WeakPassword(Exception):
    """The new password is against the pool's policy."""


class UnknownStep(Exception):
    """The pool asks for a step, such as a second factor, that is not known here."""


class PoolUnavailable(Exception):
    """The pool did not answer, or not as a pool does."""


# Errors that may be the person's fault. LimitExceeded is the pool's own limit on codes of one
# account: it is refused like a wrong code, for the pool does not keep it for accounts that are not
# there.
_REFUSAL_CODES = frozenset(
    {
        "CodeMismatchException",
        "EnableSoftwareTokenMFAException",
        "ExpiredCodeException",
        "InvalidParameterException",
        "LimitExceededException",
        "NotAuthorizedException",
        "PasswordResetRequiredException",
        "RefreshTokenReuseException",
        "TooManyFailedAttemptsException",
        "UnsupportedTokenTypeException",
        "UserNotConfirmedException",
        "UserNotFoundException",
    }
)
_UNDELIVERED_CODE = (
    "CodeDeliveryFailureException"  # of an account that is there: not to be told either
)
_WEAK_PASSWORD_CODES = frozenset(
    {"InvalidPasswordException", "PasswordHistoryPolicyViolationException"}
)


class SignInPool:
    """One app client of the pool.

    Passwords are sent by the calls that need this function's role (`Admin...`): the app client
    allows no other way, so nobody gets around the limits by asking the pool itself.
    """

    def __init__(
        self, cognito: "CognitoIdentityProviderClient", pool_id: str, client_id: str
    ) -> None:
        self._cognito = cognito
        self._pool_id = pool_id
        self._client_id = client_id

    def sign_in(self, email: str, password: str) -> Answered:
        """Sign in with a password.

        Raises `CredentialsRefused`, `UnknownStep`, `PoolUnavailable`.
        """
        answer = _call_cognito(
            lambda: self._cognito.admin_initiate_auth(
                UserPoolId=self._pool_id,
                ClientId=self._client_id,
                AuthFlow="ADMIN_USER_PASSWORD_AUTH",
                AuthParameters={"USERNAME": email, "PASSWORD": password},
            )
        )
        return _read_answer(answer, email)

    def choose_password(self, new_password: str, held: "Sequence[str]") -> Answered:
        """Take one's own password in place of the one that was mailed; `held` is of the question.

        Raises as `sign_in`, and `WeakPassword`.
        """
        answer = self._respond(_NEW_PASSWORD, held, {"NEW_PASSWORD": new_password})
        return _read_answer(answer, held[0])

    def give_code(self, code: str, held: "Sequence[str]") -> SignedIn:
        """Go on with a code of the person's authenticator. Raises as `sign_in`."""
        return _session_of_answer(self._respond(_CODE, held, {"SOFTWARE_TOKEN_MFA_CODE": code}))

    def _respond(
        self,
        name: Literal["NEW_PASSWORD_REQUIRED", "SOFTWARE_TOKEN_MFA"],
        held: "Sequence[str]",
        responses: dict[str, str],
    ) -> "Mapping[str, Any]":
        user_name, session = held
        return _call_cognito(
            lambda: self._cognito.admin_respond_to_auth_challenge(
                UserPoolId=self._pool_id,
                ClientId=self._client_id,
                ChallengeName=name,
                Session=session,
                ChallengeResponses={"USERNAME": user_name, **responses},
            )
        )

    def has_authenticator(self, access_token: str) -> bool:
        """Return whether codes of an authenticator are asked for at sign-in. Raises as `renew`."""
        answer = _call_cognito(lambda: self._cognito.get_user(AccessToken=access_token))
        return _CODE in answer.get("UserMFASettingList", ())

    def new_secret(self, access_token: str) -> str:
        """Return a secret for an authenticator, which counts once a code of it was given.

        Raises as `renew`.
        """
        answer = _call_cognito(
            lambda: self._cognito.associate_software_token(AccessToken=access_token)
        )
        return str(answer["SecretCode"])

    def set_up_authenticator(self, access_token: str, code: str) -> None:
        """Ask for codes from now on, if this is one of the latest secret. Raises as `renew`."""
        answer = _call_cognito(
            lambda: self._cognito.verify_software_token(AccessToken=access_token, UserCode=code)
        )
        if answer.get("Status") != "SUCCESS":
            raise CredentialsRefused
        _call_cognito(
            lambda: self._cognito.set_user_mfa_preference(
                AccessToken=access_token,
                SoftwareTokenMfaSettings={"Enabled": True, "PreferredMfa": True},
            )
        )

    def renew(self, refresh_token: str) -> SignedIn:
        """Make new tokens; a new refresh token comes with them if the app client rotates them.

        Raises `CredentialsRefused` when the session has ended, and `PoolUnavailable`.
        """
        return _session_of_answer(
            _call_cognito(
                lambda: self._cognito.get_tokens_from_refresh_token(
                    RefreshToken=refresh_token, ClientId=self._client_id
                )
            )
        )

    def mail_code(self, email: str) -> None:
        """Have the pool mail a code that resets a password. Raises as `renew`."""
        _call_cognito(
            lambda: self._cognito.forgot_password(ClientId=self._client_id, Username=email)
        )

    def reset_password(self, email: str, code: str, new_password: str) -> None:
        """Set a password by a mailed code. Raises as `renew`, and `WeakPassword`."""
        _call_cognito(
            lambda: self._cognito.confirm_forgot_password(
                ClientId=self._client_id,
                Username=email,
                ConfirmationCode=code,
                Password=new_password,
            )
        )

    def revoke(self, refresh_token: str) -> None:
        """End one session. Raises as `renew`."""
        _call_cognito(
            lambda: self._cognito.revoke_token(Token=refresh_token, ClientId=self._client_id)
        )

    def sign_out_everywhere(self, access_token: str) -> None:
        """End all sessions of a person. Raises as `renew`."""
        _call_cognito(lambda: self._cognito.global_sign_out(AccessToken=access_token))


def _call_cognito(ask: "Callable[[], Mapping[str, Any]]") -> "Mapping[str, Any]":
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        return ask()
    except ClientError as error:
        code = error.response.get("Error", {}).get("Code", "")
    except BotoCoreError as error:
        code = type(error).__name__
    # Raised out here, where the error with its message and frames is no longer the context.
    if code in _REFUSAL_CODES:
        logger.info("user pool refused", extra={"told": code})
        raise CredentialsRefused
    if code == _UNDELIVERED_CODE:
        logger.error("user pool could not mail a code", extra={"told": code})
        raise CredentialsRefused
    if code in _WEAK_PASSWORD_CODES:
        raise WeakPassword
    logger.error("user pool did not answer", extra={"told": code})
    raise PoolUnavailable


_STEPS = {_NEW_PASSWORD: SignInStep.PASSWORD, _CODE: SignInStep.CODE}


def _read_answer(answer: "Mapping[str, Any]", name: str) -> Answered:
    """Read what the pool answered for a person, whom the call named so."""
    step = _STEPS.get(answer.get("ChallengeName", ""))
    if step is None:
        return _session_of_answer(answer)
    # Cognito takes an e-mail address for a user's name in the first call alone, and tells its own.
    user_id = answer.get("ChallengeParameters", {}).get("USER_ID_FOR_SRP")
    return PoolChallenge(step, (str(user_id or name), str(answer["Session"])))


def _session_of_answer(answer: "Mapping[str, Any]") -> SignedIn:
    result = answer.get("AuthenticationResult")
    if not result:
        logger.error("user pool asks for an unknown step", extra={"step": _name_of_step(answer)})
        raise UnknownStep
    claims = _claims_of(result["IdToken"])
    return SignedIn(
        id_token=result["IdToken"],
        expires_at=datetime.fromtimestamp(int(claims["exp"]), UTC),
        refresh_token=result.get("RefreshToken"),
        access_token=result.get("AccessToken", ""),
        subject=str(claims.get("sub", "")),
        email=str(claims.get("email", "")),
    )


def _name_of_step(answer: "Mapping[str, Any]") -> str:
    return str(answer.get("ChallengeName", "none"))


def _claims_of(id_token: str) -> dict[str, Any]:
    """Read what a token says. It comes from the pool itself, so nothing is verified."""
    payload = id_token.split(".")[1]
    claims: dict[str, Any] = json.loads(
        base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4))
    )
    return claims
