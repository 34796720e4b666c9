"""Sessions of the console over HTTP. Public: whoever calls has no token yet.

The ID token is answered and the refresh token is put into a cookie that only these routes get, so
what runs in a page never holds what lasts. Requests of other sites are refused by what browsers say
of them (`Sec-Fetch-Site`, else `Origin`); both are absent from clients that are no browsers, which
carry no cookies of anybody's. The bodies are JSON, which no form of another site can send.
"""

from datetime import datetime
from typing import Annotated, Literal, Self

from pydantic import ConfigDict, Field, RootModel, SecretStr, model_validator
from pydantic_core import PydanticCustomError

from chalicelib.foundation.cookies import read_cookie
from chalicelib.foundation.http import Answer, Request, RequiredRole, endpoint
from chalicelib.foundation.identity import MAX_EMAIL_LENGTH
from chalicelib.foundation.problems import Problem, ProblemCode
from chalicelib.foundation.schemas import Schema
from chalicelib.sessions.console import ConsoleSessions
from chalicelib.sessions.model import (
    MAX_CHALLENGE_LENGTH,
    MAX_CODE_LENGTH,
    MAX_PASSWORD_LENGTH,
    Client,
    SignedIn,
    SignInQuestion,
    SignInStep,
)
from chalicelib.sessions.problems import SessionProblem
from chalicelib.sessions.service import Next, SessionEnded

Email = Annotated[str, Field(min_length=1, max_length=MAX_EMAIL_LENGTH)]
_STATUS_ALWAYS = ConfigDict(json_schema_serialization_defaults_required=True)
Password = Annotated[SecretStr, Field(min_length=1, max_length=MAX_PASSWORD_LENGTH)]
Code = Annotated[SecretStr, Field(min_length=1, max_length=MAX_CODE_LENGTH)]


class SignIn(Schema):
    """The address with the password, or with what a challenge asked for and that challenge."""

    model_config = ConfigDict(extra="forbid")

    email: Email
    password: Password | None = None
    new_password: Password | None = None
    code: Code | None = None
    setup_code: Code | None = None
    challenge: Annotated[SecretStr | None, Field(max_length=MAX_CHALLENGE_LENGTH)] = None

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        ways = ("password", "new_password", "code", "setup_code")
        given = {name for name in ways if getattr(self, name)}
        if len(given) != 1 or (given == {"password"}) == bool(self.challenge):
            raise PydanticCustomError(
                "one_way",
                "Send password, or new_password, code or setup_code together with challenge.",
            )
        return self


class Forgot(Schema):
    model_config = ConfigDict(extra="forbid")

    email: Email


class Reset(Schema):
    model_config = ConfigDict(extra="forbid")

    email: Email
    code: Code
    new_password: Password


class Everywhere(Schema):
    model_config = ConfigDict(extra="forbid")

    everywhere: Annotated[bool, Field(description="End the person's sessions on all devices")] = (
        False
    )


class SignedInView(Schema):
    model_config = _STATUS_ALWAYS

    status: Literal["signed_in"] = "signed_in"
    id_token: Annotated[str, Field(description="The bearer of all other requests")]
    expires_at: datetime


class NewPasswordView(Schema):
    """The password was a first one. Send `new_password` with this `challenge` within 15 minutes."""

    model_config = _STATUS_ALWAYS

    status: Literal["new_password_required"] = "new_password_required"
    challenge: str


class CodeView(Schema):
    """Send the `code` that the person's authenticator shows, with this `challenge`."""

    model_config = _STATUS_ALWAYS

    status: Literal["mfa_required"] = "mfa_required"
    challenge: str


class SetupView(Schema):
    """The person has to set up an authenticator: send its `setup_code` with this `challenge`.

    `uri` is for a QR code or a link, `secret` for typing.
    """

    model_config = _STATUS_ALWAYS

    status: Literal["mfa_setup_required"] = "mfa_setup_required"
    challenge: str
    secret: str
    uri: str


class AuthenticatorView(Schema):
    """A secret for an authenticator. It counts once `POST /session` was sent its `setup_code`."""

    secret: str
    uri: str
    challenge: str


class SignInView(
    RootModel[
        Annotated[
            SignedInView | NewPasswordView | CodeView | SetupView, Field(discriminator="status")
        ]
    ]
):
    """Signed in, or what is asked for next. More steps may come: read `status`."""


class RenewedView(Schema):
    id_token: str
    expires_at: datetime


@endpoint(
    RequiredRole.ANYONE,
    body=SignIn,
    answers={200: SignInView},
    problems=(
        ProblemCode.FORBIDDEN,
        SessionProblem.SIGN_IN_REFUSED,
        SessionProblem.SIGN_IN_ELSEWHERE,
        SessionProblem.SIGN_IN_STEP_UNSUPPORTED,
        SessionProblem.TOO_MANY_ATTEMPTS,
        SessionProblem.PASSWORD_TOO_WEAK,
        SessionProblem.CODE_REFUSED,
    ),
)
def sign_in(console: ConsoleSessions, request: Request[SignIn, None]) -> Answer:
    """Sign in with a password, and a code if required."""
    _refuse_other_sites(console, request)
    found = _signed_in(console, request)
    if isinstance(found, SignInQuestion):
        return Answer(200, SignInView(_question_view(found)))
    session = found.session
    cookies = [console.cookies.know_device(found.device_token), *_session_cookies(console, session)]
    view = SignedInView(id_token=session.id_token, expires_at=session.expires_at)
    return Answer(200, SignInView(view), {"Set-Cookie": cookies})


def _signed_in(console: ConsoleSessions, request: Request[SignIn, None]) -> Next:
    body, client, service = request.body, _client(console, request), console.service
    challenge = body.challenge.get_secret_value() if body.challenge else ""
    if body.new_password:
        chosen = body.new_password.get_secret_value()
        return service.choose_password(client, body.email, chosen, challenge)
    if body.code:
        return service.give_code(client, body.email, body.code.get_secret_value(), challenge)
    if body.setup_code:
        code = body.setup_code.get_secret_value()
        current = read_cookie(request.headers, console.cookies.name)
        return service.set_up(client, body.email, code, challenge, current)
    password = body.password.get_secret_value() if body.password else ""
    return service.sign_in(client, body.email, password)


def _question_view(question: SignInQuestion) -> NewPasswordView | CodeView | SetupView:
    challenge = question.challenge
    match question.step:
        case SignInStep.PASSWORD:
            return NewPasswordView(challenge=challenge)
        case SignInStep.CODE:
            return CodeView(challenge=challenge)
        case SignInStep.SETUP:
            return SetupView(challenge=challenge, secret=question.secret, uri=question.uri)


@endpoint(
    RequiredRole.ANYONE,
    answers={200: AuthenticatorView},
    problems=(
        ProblemCode.FORBIDDEN,
        SessionProblem.SESSION_ENDED,
        SessionProblem.SIGN_IN_ELSEWHERE,
        SessionProblem.AUTHENTICATOR_SET_UP,
    ),
)
def begin_authenticator(console: ConsoleSessions, request: Request[None, None]) -> Answer:
    """Begin to set up an authenticator."""
    _refuse_other_sites(console, request)
    try:
        session, setup = console.service.begin_setup(
            read_cookie(request.headers, console.cookies.name)
        )
    except SessionEnded:
        raise _session_ended(console) from None
    view = AuthenticatorView(secret=setup.secret, uri=setup.uri, challenge=setup.challenge)
    return Answer(200, view, {"Set-Cookie": _session_cookies(console, session)})


@endpoint(
    RequiredRole.ANYONE,
    answers={200: RenewedView},
    problems=(
        ProblemCode.FORBIDDEN,
        SessionProblem.SESSION_ENDED,
        SessionProblem.SIGN_IN_ELSEWHERE,
    ),
)
def renew(console: ConsoleSessions, request: Request[None, None]) -> Answer:
    """Renew a session with its cookie."""
    _refuse_other_sites(console, request)
    try:
        session = console.service.renew(read_cookie(request.headers, console.cookies.name))
    except SessionEnded:
        raise _session_ended(console) from None
    view = RenewedView(id_token=session.id_token, expires_at=session.expires_at)
    return Answer(200, view, {"Set-Cookie": _session_cookies(console, session)})


@endpoint(
    RequiredRole.ANYONE,
    body=Forgot,
    answers={202: None},
    problems=(
        ProblemCode.FORBIDDEN,
        SessionProblem.TOO_MANY_ATTEMPTS,
        SessionProblem.SIGN_IN_ELSEWHERE,
    ),
)
def forgot(console: ConsoleSessions, request: Request[Forgot, None]) -> Answer:
    """Send a password reset code by mail."""
    _refuse_other_sites(console, request)
    console.service.mail_code(_client(console, request), request.body.email)
    return Answer(202)


@endpoint(
    RequiredRole.ANYONE,
    body=Reset,
    answers={204: None},
    problems=(
        ProblemCode.FORBIDDEN,
        SessionProblem.RESET_REFUSED,
        SessionProblem.PASSWORD_TOO_WEAK,
        SessionProblem.TOO_MANY_ATTEMPTS,
        SessionProblem.SIGN_IN_ELSEWHERE,
    ),
)
def reset(console: ConsoleSessions, request: Request[Reset, None]) -> Answer:
    """Set a new password with a mailed code."""
    _refuse_other_sites(console, request)
    body = request.body
    device_token = console.service.reset_password(
        _client(console, request),
        body.email,
        body.code.get_secret_value(),
        body.new_password.get_secret_value(),
    )
    return Answer(204, headers={"Set-Cookie": console.cookies.know_device(device_token)})


@endpoint(
    RequiredRole.ANYONE,
    query=Everywhere,
    answers={204: None},
    problems=(ProblemCode.FORBIDDEN, SessionProblem.SIGN_IN_ELSEWHERE),
)
def sign_out(console: ConsoleSessions, request: Request[None, Everywhere]) -> Answer:
    """Sign out here, or everywhere."""
    _refuse_other_sites(console, request)
    token = read_cookie(request.headers, console.cookies.name)
    console.service.sign_out(token, everywhere=request.query.everywhere)
    return Answer(204, headers={"Set-Cookie": console.cookies.forget()})


def _session_ended(console: ConsoleSessions) -> Problem:
    return Problem(
        SessionProblem.SESSION_ENDED,
        "Your session has ended. Sign in again.",
        headers={"Set-Cookie": console.cookies.forget()},
    )


def _session_cookies(console: ConsoleSessions, session: SignedIn) -> list[str]:
    return [console.cookies.keep(session.refresh_token)] if session.refresh_token else []


def _client[Body](console: ConsoleSessions, request: Request[Body, None]) -> Client:
    return Client(
        console.viewer_address(request.source_address, request.headers),
        read_cookie(request.headers, console.cookies.device_name),
    )


def _refuse_other_sites[Body, Query](
    console: ConsoleSessions, request: Request[Body, Query]
) -> None:
    if not console.is_own_site(request.headers):
        raise Problem(ProblemCode.FORBIDDEN, "Only Greenroom's own pages may ask for this.")
