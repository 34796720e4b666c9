"""The people of a program as HTTP clients: each answer they get is held against openapi.json."""

import json as jsons
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import parse_qsl, urlencode, urlsplit

import boto3
import requests

from local.process_environment import ACCESS_KEY, REGION, SECRET_KEY
from local.stack import Person, RunningStack
from tests.e2e.contract import Contract
from tests.e2e.waiting import wait_for

if TYPE_CHECKING:
    from mypy_boto3_cognito_idp import CognitoIdentityProviderClient

TIMEOUT_SECONDS = 180  # a busy machine answers dozens of requests at once late
UNDECIDED = ("awaiting_file", "validating")
_GUESS = 12  # characters: shorter ones are words, which logs may hold
_SECRET_FIELDS = ("policy", "x-amz-signature", "x-amz-security-token")


@dataclass(frozen=True)
class Secret:
    """Something that must not be in any log, and what it is."""

    kind: str
    value: str = field(repr=False)


@dataclass
class Witness:
    """What all clients of a run have seen: for the tests that look back at the end."""

    contract: Contract = field(default_factory=Contract)
    seen: set[tuple[str, int, str | None]] = field(default_factory=set)
    secrets: set[Secret] = field(default_factory=set)
    forms_used: list[dict[str, str]] = field(default_factory=list)
    previews_watched: list[str] = field(default_factory=list)

    def keep_token(self, kind: str, token: str) -> None:
        """A token is leaked by its payload or its signature too, not only as a whole."""
        self.secrets.add(Secret(kind, token))
        for name, part in zip(("payload", "signature"), token.split(".")[1:], strict=False):
            if len(part) >= 32:
                self.secrets.add(Secret(f"{name} of {kind}", part))

    def keep_session(self, sent: bytes | None, answered: Any, cookies: str) -> None:
        """Keep what a sign-in sent and got."""
        try:
            asked = jsons.loads(sent or b"{}")
        except ValueError:
            asked = {}  # sent broken on purpose, and so without a password
        if not isinstance(asked, dict):
            asked = {}
        told = answered if isinstance(answered, dict) else {}
        for name, kind in (("password", "password"), ("new_password", "password")):
            if len(str(asked.get(name, ""))) >= _GUESS:
                self.secrets.add(Secret(kind, asked[name]))
        if told.get("id_token"):
            self.keep_token("ID token", told["id_token"])
        if told.get("challenge"):
            self.secrets.add(Secret("challenge", told["challenge"]))
        for name, value in re.findall(r"greenroom-(session|device)=([^;, ]+)", cookies):
            self.secrets.add(Secret(f"{name} cookie", value))

    def keep_form(self, fields: Mapping[str, str]) -> None:
        for name in _SECRET_FIELDS:
            if fields.get(name):
                self.secrets.add(Secret(f"form field {name}", fields[name]))


def without_previews(body: Any) -> Any:
    """Return an answer without the addresses of its videos, which are new each time."""
    if isinstance(body, dict):
        return {
            name: without_previews(value)
            for name, value in body.items()
            if name not in {"preview_url", "preview_expires_at"}
        }
    return [without_previews(each) for each in body] if isinstance(body, list) else body


@dataclass(frozen=True)
class Answer:
    """An answer of the API, as documented."""

    status: int
    body: Any
    raw: bytes
    headers: Mapping[str, str]

    @property
    def code(self) -> str | None:
        """The problem's code, None for what is no problem."""
        return self.body.get("code") if self.status >= 400 and isinstance(self.body, dict) else None

    @property
    def problem(self) -> tuple[int, str | None]:
        return self.status, self.code


@dataclass(frozen=True)
class Tokens:
    id_token: str
    access_token: str


def sign_in(stack: RunningStack, witness: Witness, email: str, password: str) -> Tokens:
    """Sign in as only the owner's credentials may: it has the access token too, and no limits."""
    witness.secrets.add(Secret("password", password))
    result = _user_pool(str(stack.content["aws"]["endpoint_url"])).admin_initiate_auth(
        UserPoolId=stack.identity["user_pool_id"],
        ClientId=stack.identity["client_id"],
        AuthFlow="ADMIN_USER_PASSWORD_AUTH",
        AuthParameters={"USERNAME": email, "PASSWORD": password},
    )["AuthenticationResult"]
    witness.keep_token("ID token", result["IdToken"])
    witness.keep_token("access token", result["AccessToken"])
    witness.secrets.add(Secret("refresh token", result["RefreshToken"]))
    return Tokens(result["IdToken"], result["AccessToken"])


@cache
def _user_pool(endpoint_url: str) -> "CognitoIdentityProviderClient":
    return boto3.client(
        "cognito-idp",
        endpoint_url=endpoint_url,
        region_name=REGION,
        aws_access_key_id=ACCESS_KEY,
        aws_secret_access_key=SECRET_KEY,
    )


@dataclass(frozen=True)
class Form:
    """A form to post a file with, as the API handed it out."""

    upload_id: str
    url: str
    fields: dict[str, str]
    expires_at: str


@dataclass(frozen=True)
class Api:
    """A client of the API, signed in as somebody or as nobody."""

    url: str
    witness: Witness = field(repr=False)
    token: str | None = field(default=None, repr=False)
    email: str = ""

    @classmethod
    def of(cls, stack: RunningStack, witness: Witness, person: Person) -> Self:
        tokens = sign_in(stack, witness, person.email, person.password)
        return cls(stack.api_url, witness, tokens.id_token, person.email)

    def with_token(self, token: str | None) -> Self:
        return replace(self, token=token)

    def call(
        self,
        method: str,
        path: str,
        *,
        json: Any = None,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        **query: Any,
    ) -> Answer:
        """Send a request and hold the answer against the document. `body` is sent as it is."""
        operation = self.witness.contract.operation(method, path)
        sent = {"Authorization": f"Bearer {self.token}"} if self.token is not None else {}
        if json is not None:
            body = jsons.dumps(json).encode()
        if body is not None:
            sent["Content-Type"] = "application/json"
        asked = f"?{urlencode(query, doseq=True)}" if query else ""
        got = requests.request(
            method,
            f"{self.url}{path}{asked}",
            headers={**sent, **(headers or {})},
            data=body,
            timeout=TIMEOUT_SECONDS,
            allow_redirects=False,
        )
        content = _content(got)
        for found in (content, content.get("form") if isinstance(content, dict) else None):
            if isinstance(found, dict) and isinstance(found.get("fields"), dict):
                self.witness.keep_form(found["fields"])
        if path.startswith("/session"):
            self.witness.keep_session(body, content, got.headers.get("Set-Cookie", ""))
        answer = Answer(got.status_code, content, got.content, got.headers)
        content_type = got.headers.get("Content-Type", "")
        self.witness.contract.check(operation, answer.status, content_type, content)
        self.witness.seen.add((operation.operation_id, answer.status, answer.code))
        return answer

    def delete(self, path: str) -> Answer:
        return self.call("DELETE", path)

    def get(self, path: str, **query: Any) -> Answer:
        return self.call("GET", path, **query)

    def post(self, path: str, json: Any = None, key: str | None = None) -> Answer:
        headers = {"Idempotency-Key": key} if key is not None else {}
        return self.call("POST", path, json=json, headers=headers)

    def patch(self, path: str, json: Any) -> Answer:
        return self.call("PATCH", path, json=json)

    # What people do, in their words; each insists that it goes well.

    def watch(self, video: Any, **headers: str) -> requests.Response:
        """Fetch a video at its address as a player does: signed in as nobody."""
        url = video["preview_url"]
        signature = dict(parse_qsl(urlsplit(url).query))["X-Amz-Signature"]
        self.witness.secrets.add(Secret("preview signature", signature))
        self.witness.previews_watched.append(url)
        return requests.get(url, headers=headers, timeout=TIMEOUT_SECONDS)

    def ask_for_upload(
        self, content_type: str = "video/mp4", headers: Mapping[str, str] | None = None
    ) -> Form:
        answer = self.call("POST", "/uploads", json={"content_type": content_type}, headers=headers)
        assert answer.status == 201, answer.body
        asked = answer.body
        form = asked["form"]
        return Form(asked["upload_id"], form["url"], form["fields"], asked["expires_at"])

    def post_file(self, form: Form, content: bytes) -> None:
        answer = post_form(form.url, form.fields, content)
        assert answer.status_code == 204, answer.text
        self.witness.forms_used.append(form.fields)

    def upload(self, file: Path, headers: Mapping[str, str] | None = None) -> Any:
        """Upload a file and wait for the verdict; answers the upload."""
        content_type = "video/webm" if file.suffix == ".webm" else "video/mp4"
        form = self.ask_for_upload(content_type, headers)
        self.post_file(form, file.read_bytes())
        return self.verdict(form.upload_id)

    def verdict(self, upload_id: str) -> Any:
        def decided() -> Any:
            body = self.get(f"/uploads/{upload_id}").body
            return body if body["status"] not in UNDECIDED else None

        return wait_for(f"The verdict on {upload_id}", decided)

    def create(self, upload_id: str, **more: Any) -> Any:
        answer = self.post("/activities", {"upload_id": upload_id, **more})
        assert answer.status == 201, answer.body
        return answer.body

    def end(self, activity_id: str) -> Any:
        answer = self.post(f"/activities/{activity_id}/end")
        assert answer.status == 200, answer.body
        return answer.body

    def activity(self, activity_id: str) -> Any:
        answer = self.get(f"/activities/{activity_id}")
        assert answer.status == 200, answer.body
        return answer.body

    def settled(self, activity_id: str) -> Any:
        def no_longer_processing() -> Any:
            body = self.activity(activity_id)
            return body if body["status"] != "processing" else None

        return wait_for(f"The end of the processing of {activity_id}", no_longer_processing)

    def pages(self, path: str, limit: int) -> list[list[Any]]:
        """Read a list to its end, page by page."""
        pages: list[list[Any]] = []
        cursor: dict[str, str] = {}
        while True:
            answer = self.get(path, limit=limit, **cursor)
            assert answer.status == 200, answer.body
            pages.append(answer.body["items"])
            if answer.body["next_cursor"] is None:
                return pages
            cursor = {"cursor": answer.body["next_cursor"]}
            assert len(pages) < 500, f"{path} has no end."

    def feed(self) -> list[str]:
        """The ids in one's feed, all pages, in order."""
        return [each["activity_id"] for page in self.pages("/feed", 100) for each in page]


def _content(got: requests.Response) -> Any:
    """Read an answer: JSON, the text of a page, or None where there is nothing to read."""
    if not got.content:
        return None
    if got.headers.get("Content-Type", "").startswith("text/html"):
        return got.text
    try:
        return got.json()
    except ValueError:
        what = f"{got.request.method} {got.url.partition('?')[0]}"
        raise AssertionError(f"{what}: no JSON: {got.text[:300]}") from None


def post_form(
    url: str, fields: Mapping[str, str], content: bytes | None, name: str = "a video.mp4"
) -> requests.Response:
    """Post a form to S3 as a browser does: its fields first, the file last."""
    parts: list[tuple[str, tuple[str | None, bytes | str]]] = [
        (field, (None, value)) for field, value in fields.items()
    ]
    if content is not None:
        parts.append(("file", (name, content)))
    return requests.post(url, files=parts, timeout=TIMEOUT_SECONDS)


def new_key() -> str:
    return f"key-{secrets.token_hex(12)}"
