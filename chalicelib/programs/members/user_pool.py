"""The stack's user pool: sign-ins with a password, and the mail that brings the first one."""

from contextlib import suppress
from typing import TYPE_CHECKING

from chalicelib.foundation.logging import logger
from chalicelib.programs.model import InvitationMail

if TYPE_CHECKING:
    from mypy_boto3_cognito_idp import CognitoIdentityProviderClient
    from mypy_boto3_cognito_idp.type_defs import AdminCreateUserRequestTypeDef

NEVER_SIGNED_IN = "FORCE_CHANGE_PASSWORD"
_SIGNED_IN_STATES = frozenset({"CONFIRMED", "RESET_REQUIRED", "EXTERNAL_PROVIDER"})


class NotMailed(Exception):
    """The pool did not mail somebody. It has AWS's code alone: the message may name the person."""

    def __init__(self, code: str) -> None:
        super().__init__(f"The user pool did not mail an invitation: {code}.")


class Undelivered(NotMailed):
    """This mail could not be handed over: because of its address, or of the pool's sender."""


class MailQuotaUsedUp(NotMailed):
    """The pool mails nobody for now: a quota is used up, of the day or of this second."""


_ERRORS_BY_CODE = {
    "CodeDeliveryFailureException": Undelivered,
    "LimitExceededException": MailQuotaUsedUp,
    "TooManyRequestsException": MailQuotaUsedUp,
}


class UserPool:
    def __init__(self, cognito: "CognitoIdentityProviderClient", pool_id: str) -> None:
        self._cognito = cognito
        self._pool_id = pool_id

    def invite(self, email: str) -> InvitationMail:
        """Have a person mailed the first password of their sign-in, which is created if need be.

        A person with a password of their own is not mailed, and the answer does not show it:
        whether somebody signs in here already, in another program perhaps, is nobody's business.
        A person who never used the first password gets another: the pool lets each live for seven
        days. Called twice, it mails twice, and the later password holds. Raises `Undelivered`,
        `MailQuotaUsedUp`, `NotMailed` for whatever else is not about this address alone, and
        BotoCoreError if there is no answer.
        """
        from botocore.exceptions import ClientError

        try:
            return self._invite(email)
        except ClientError as error:
            code = error.response["Error"]["Code"]
            raise _ERRORS_BY_CODE.get(code, NotMailed)(code) from None

    def sign_in(self, email: str) -> dict[str, str] | None:
        """Return what the pool keeps of a person: attributes, state and instants, no password."""
        try:
            user = self._cognito.admin_get_user(UserPoolId=self._pool_id, Username=email)
        except self._cognito.exceptions.UserNotFoundException:
            return None
        kept = {each["Name"]: each.get("Value", "") for each in user.get("UserAttributes", ())}
        kept["state"] = user.get("UserStatus", "")
        kept["created_at"] = user["UserCreateDate"].isoformat()
        return kept

    def remove(self, email: str) -> None:
        """Remove a person's sign-in: they cannot sign in any more, nor renew a session."""
        with suppress(self._cognito.exceptions.UserNotFoundException):
            self._cognito.admin_delete_user(UserPoolId=self._pool_id, Username=email)

    def _invite(self, email: str) -> InvitationMail:
        known = self._cognito.exceptions
        try:
            self._mail(email)
        except known.UsernameExistsException:
            return self._invite_again(email)
        except known.InvalidParameterException as error:
            # The pool refuses the address; ours are looser than RFC 5321.
            return _log_refusal(error.response["Error"]["Code"])
        return InvitationMail.HANDED_OVER

    def _invite_again(self, email: str) -> InvitationMail:
        user = self._cognito.admin_get_user(UserPoolId=self._pool_id, Username=email)
        state = user.get("UserStatus") if user.get("Enabled", True) else "disabled"
        if state == NEVER_SIGNED_IN:
            # A person who signs in at this very moment needs no mail any more.
            with suppress(self._cognito.exceptions.UnsupportedUserStateException):
                self._mail(email, again=True)
        elif state not in _SIGNED_IN_STATES:
            return _log_refusal(state)
        return InvitationMail.HANDED_OVER

    def _mail(self, email: str, *, again: bool = False) -> None:
        wanted: AdminCreateUserRequestTypeDef = {
            "UserPoolId": self._pool_id,
            "Username": email,
            "UserAttributes": [
                {"Name": "email", "Value": email},
                {"Name": "email_verified", "Value": "true"},  # only a reader of its mail gets in
            ],
            "DesiredDeliveryMediums": ["EMAIL"],
        }
        if again:
            wanted["MessageAction"] = "RESEND"
        self._cognito.admin_create_user(**wanted)


def _log_refusal(reason: str | None) -> InvitationMail:
    logger.warning("invitation refused", extra={"told": reason})
    return InvitationMail.FAILED
