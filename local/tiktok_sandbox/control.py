"""For tests and the demo only: what was received, and levers TikTok does not have.

All JSON. `GET /_sandbox/health`, `GET /_sandbox/record`, `POST /_sandbox/app` (any of the
settings of `settings.App`), `POST /_sandbox/people` `{name, display_name?}`,
`POST /_sandbox/counts` `{post_id, views?, likes?, comments?, shares?}`,
`POST /_sandbox/tokens` `{person, expire: ["access", "refresh"]}`, `POST /_sandbox/clock`
`{advance_seconds}`, `POST /_sandbox/reset`, `GET`/`POST`/`DELETE /_sandbox/faults`
`{rules: [...], append?: bool}`.
"""

import json
from collections import defaultdict
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from local.tiktok_sandbox.answers import Handler
from local.tiktok_sandbox.drafts import Drafts
from local.tiktok_sandbox.faults import FaultRule, Faults
from local.tiktok_sandbox.names import check_name
from local.tiktok_sandbox.settings import App
from local.tiktok_sandbox.state import IN_INBOX, Store


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid")


class _NewPerson(_Body):
    name: str
    display_name: str | None = Field(default=None, min_length=1, max_length=100)


class _Expiry(_Body):
    person: str
    expire: list[Literal["access", "refresh"]]


class _Counts(_Body):
    post_id: str = Field(min_length=1, max_length=64)
    views: int = Field(default=0, ge=0)
    likes: int = Field(default=0, ge=0)
    comments: int = Field(default=0, ge=0)
    shares: int = Field(default=0, ge=0)


class _Advance(_Body):
    advance_seconds: float = Field(ge=0, allow_inf_nan=False)


class _Rules(_Body):
    rules: list[FaultRule]
    append: bool = False


class Control:
    """The sandbox's own levers."""

    def __init__(self, store: Store, drafts: Drafts, faults: Faults) -> None:
        self._store = store
        self._drafts = drafts
        self._faults = faults

    def routes(self) -> list[Route]:
        """Return the routes."""
        return [
            Route("/_sandbox/health", self.health, methods=["GET"]),
            Route("/_sandbox/record", self.record, methods=["GET"]),
            Route("/_sandbox/app", _checked(self.app), methods=["POST"]),
            Route("/_sandbox/people", _checked(self.people), methods=["POST"]),
            Route("/_sandbox/tokens", _checked(self.tokens), methods=["POST"]),
            Route("/_sandbox/counts", _checked(self.counts), methods=["POST"]),
            Route("/_sandbox/clock", _checked(self.clock), methods=["POST"]),
            Route("/_sandbox/reset", self.reset, methods=["POST"]),
            Route("/_sandbox/faults", self.list_faults, methods=["GET"]),
            Route("/_sandbox/faults", _checked(self.set_faults), methods=["POST"]),
            Route("/_sandbox/faults", self.clear_faults, methods=["DELETE"]),
        ]

    async def health(self, _request: Request) -> Response:
        """Ready to be used."""
        return JSONResponse({"status": "ok", "app_registered": bool(self._store.app.client_key)})

    async def app(self, request: Request) -> Response:
        """Register the app, or change a part of its registration."""
        changes = json.loads(await request.body())
        if not isinstance(changes, dict):
            raise TypeError("an object is needed")
        known = self._store.app.model_dump()
        self._store.app = App.model_validate({**known, **changes})
        return JSONResponse(self._store.app.model_dump(mode="json", exclude={"client_secret"}))

    async def people(self, request: Request) -> Response:
        """A person, made if new."""
        new = _NewPerson.model_validate_json(await request.body())
        person = self._store.add_person(check_name(new.name), new.display_name)
        return JSONResponse(
            {
                "name": person.name,
                "open_id": person.open_id,
                "display_name": person.display_name,
            }
        )

    async def tokens(self, request: Request) -> Response:
        """A person's tokens run out now, earlier than they said."""
        expiry = _Expiry.model_validate_json(await request.body())
        self._store.expire_tokens(expiry.person, expiry.expire)
        return JSONResponse({})

    async def counts(self, request: Request) -> Response:
        """People see, like, comment on and share a post."""
        told = _Counts.model_validate_json(await request.body())
        counts = (told.views, told.likes, told.comments, told.shares)
        self._store.set_counts(told.post_id, counts)
        return JSONResponse({})

    async def clock(self, request: Request) -> Response:
        """Move the clock on."""
        advance = _Advance.model_validate_json(await request.body())
        self._store.advance(advance.advance_seconds)
        self._drafts.settle()
        return JSONResponse({"now": self._store.now()})

    async def reset(self, _request: Request) -> Response:
        """Forget everything but the app's registration."""
        self._store.reset()
        self._faults.set([])
        return JSONResponse({})

    async def list_faults(self, _request: Request) -> Response:
        """The rules that are left."""
        return JSONResponse({"rules": [rule.model_dump() for rule in self._faults.rules]})

    async def set_faults(self, request: Request) -> Response:
        """Use these rules, instead of the others or behind them."""
        asked = _Rules.model_validate_json(await request.body())
        self._faults.set([*(self._faults.rules if asked.append else []), *asked.rules])
        return await self.list_faults(request)

    async def clear_faults(self, request: Request) -> Response:
        """No more faults."""
        self._faults.set([])
        return await self.list_faults(request)

    async def record(self, _request: Request) -> Response:
        """Everything that happened; no code, token, secret or signature is in it."""
        self._drafts.settle()
        violations = self._store.table("violations")
        for violation in violations:
            violation["avoidable"] = bool(violation["avoidable"])
        return JSONResponse(
            {
                "now": self._store.now(),
                "people": self._people(),
                "shares": self._shares(),
                "violations": violations,
                "webhooks": self._webhooks(),
                "faults_made": [
                    {"at": made["at"], **json.loads(made["rule"])}
                    for made in self._store.table("faults_made")
                ],
            }
        )

    def _people(self) -> dict[str, object]:
        now = self._store.now()
        inits: dict[str, list[dict[str, Any]]] = defaultdict(list)
        for init in self._store.table("inits"):
            inits[init["person"]].append({key: init[key] for key in ("at", "code", "publish_id")})
        tokens: dict[str, dict[str, int]] = defaultdict(lambda: defaultdict(int))
        for token in self._store.table("tokens"):
            of, kind = tokens[token["person"]], token["kind"]
            of[f"{kind}_issued"] += 1
            of[f"{kind}_live"] += token["ended"] is None and token["expires_at"] > now
            of["refreshes"] += token["ended"] == "rotated"
        inboxes: dict[str, list[str]] = defaultdict(list)
        uploads: dict[str, int] = defaultdict(int)
        for share in self._store.table("shares"):
            uploads[share["person"]] += share["completed_uploads"]
            if share["status"] == IN_INBOX:
                inboxes[share["person"]].append(share["publish_id"])
        names = ("access_issued", "access_live", "refresh_issued", "refresh_live", "refreshes")
        return {
            person.name: {
                "open_id": person.open_id,
                "display_name": person.display_name,
                "scopes": self._store.granted(person.name),
                "inits": inits[person.name],
                "completed_uploads": uploads[person.name],
                "inbox": inboxes[person.name],
                "tokens": {name: tokens[person.name][name] for name in names},
            }
            for person in self._store.people()
        }

    def _shares(self) -> dict[str, object]:
        hidden = {"publish_id", "upload_id", "upload_token", "due_at", "fate", "client_key"}
        return {
            share["publish_id"]: {
                **{key: value for key, value in share.items() if key not in hidden},
                "size": share["uploaded_bytes"],
                "post_ids": json.loads(share["post_ids"]),
            }
            for share in self._store.table("shares")
        }

    def _webhooks(self) -> list[dict[str, object]]:
        shown = ("event", "person", "publish_id", "created_at", "due_at", "state")
        return [
            {
                **{key: webhook[key] for key in shown},
                "content": json.loads(json.loads(webhook["body"])["content"]),
                "attempts": json.loads(webhook["attempts"]),
            }
            for webhook in self._store.table("webhooks")
        ]


def _checked(handler: Handler) -> Handler:
    """A lever pulled wrongly answers 400 with words."""

    async def answer(request: Request) -> Response:
        try:
            return await handler(request)
        except ValidationError as error:
            problems = [
                ": ".join([*(str(part) for part in problem["loc"]), problem["msg"]])
                for problem in error.errors(include_input=False, include_url=False)
            ]
            return JSONResponse({"error": "; ".join(problems)}, 400)
        except (ValueError, TypeError) as error:
            return JSONResponse({"error": str(error)}, 400)

    return answer
