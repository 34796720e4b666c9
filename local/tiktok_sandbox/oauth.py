"""OAuth v2 as documented: consent page, code, tokens that rotate, revocation; and user info.

The consent page posts to the address it was shown at, query and all, and so may any HTTP client:
`POST /v2/auth/authorize/?<the same query>` with the form fields `person` (or `new_person`: made
if new), `scopes` (once per granted scope, or comma-separated) and `decision`, `authorize` or
`cancel`. The answer is the redirect back to the app.
"""

from collections.abc import Sequence
from http import HTTPStatus
from urllib.parse import parse_qsl, quote, urlencode

from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from local.tiktok_sandbox import markup, rules
from local.tiktok_sandbox.answers import (
    NO_STORE,
    Handler,
    envelope,
    envelope_error,
    flat_error,
    log_id_of,
    note,
    strict,
    tolerate,
)
from local.tiktok_sandbox.bearer import caller
from local.tiktok_sandbox.drafts import APP_REVOKED, Drafts
from local.tiktok_sandbox.names import check_name
from local.tiktok_sandbox.rules import Consent, RuleBrokenError, Tolerate
from local.tiktok_sandbox.state import Store

AUTHORIZE = "/v2/auth/authorize/"
COOKIE = "tiktok_sandbox_session"


class OAuth:
    """The consent page, the token and revoke endpoints, and user info."""

    def __init__(self, store: Store, drafts: Drafts) -> None:
        self._store = store
        self._drafts = drafts

    def routes(self) -> list[Route]:
        """Return the routes."""

        def flat(endpoint: str, handler: Handler) -> Handler:
            return strict(self._store, endpoint, handler, flat_error)

        info = strict(self._store, "user_info", self.user_info, envelope_error)
        return [
            Route(AUTHORIZE, self.authorize, methods=["GET"]),
            Route(AUTHORIZE, self.decide, methods=["POST"]),
            Route(AUTHORIZE.rstrip("/"), self.authorize, methods=["GET"]),
            Route(AUTHORIZE.rstrip("/"), self.decide, methods=["POST"]),
            Route("/v2/oauth/token/", flat("token", self.token), methods=["POST"]),
            Route("/v2/oauth/revoke/", flat("revoke", self.revoke), methods=["POST"]),
            Route("/v2/user/info/", info, methods=["GET"]),
        ]

    # --- the consent page -------------------------------------------------------------------

    async def authorize(self, request: Request) -> Response:
        """Show the consent page, or lead straight back a person who consented before."""
        consent = self._read(request)
        if isinstance(consent, Response):
            return consent
        person = self._store.logged_in(request.cookies.get(COOKIE, ""))
        if person is not None and consent.may_skip_page:
            granted = self._store.granted(person)
            if granted is not None and set(consent.scopes) <= set(granted):
                return self._back_with_code(consent, person, consent.scopes)
        return markup.consent_page(
            action=f"{AUTHORIZE}?{request.url.query}",
            scopes=consent.scopes,
            people=self._store.people(),
            chosen=person,
        )

    async def decide(self, request: Request) -> Response:
        """Apply what the person decided."""
        consent = self._read(request)
        if isinstance(consent, Response):
            return consent
        try:
            pairs = parse_qsl((await request.body()).decode(), keep_blank_values=True)
            form = dict(pairs)
            name = form.get("new_person", "").strip() or form.get("person", "").strip()
            if form.get("decision") != "cancel":  # which needs no name
                check_name(name)
        except ValueError as error:
            return markup.problem_page("That is not a person", str(error))
        if form.get("decision") not in {"authorize", "cancel"}:
            return markup.problem_page("Nothing was decided", "decision is authorize or cancel")
        chosen = {s for key, value in pairs if key == "scopes" for s in value.split(",")}
        granted = tuple(scope for scope in consent.scopes if scope in chosen)
        if form["decision"] == "cancel" or not granted:
            return _back(
                consent.redirect_uri,
                consent.state,
                error="access_denied",
                error_description="The person did not authorize this app",
            )
        person = self._store.add_person(name)
        self._store.grant(person.name, granted)
        response = self._back_with_code(consent, person.name, granted)
        response.set_cookie(COOKIE, self._store.log_in(person.name), httponly=True, samesite="lax")
        return response

    def _read(self, request: Request) -> Consent | Response:
        """Read the request, or refuse it: on a page while the way back is not sure, else by it."""
        app = self._store.app
        allow = tolerate(self._store, "authorize", request)
        if request.url.path != AUTHORIZE:
            allow(RuleBrokenError("trailing_slash", f"the address ends with {AUTHORIZE}"))
        try:
            asked = rules.read_pairs(request.query_params.multi_items())
            rules.check_return_address(
                asked,
                client_key=app.client_key,
                redirect_uris=app.redirect_uris,
                tolerate=allow,
            )
            if app.pkce_required:
                rules.check_challenge_given(asked)
        except RuleBrokenError as broken:
            note(self._store, "authorize", request, broken, status=HTTPStatus.BAD_REQUEST)
            return markup.problem_page(broken.code, broken.detail)
        try:
            return rules.read_consent(asked, app_scopes=app.scopes)
        except RuleBrokenError as broken:
            note(self._store, "authorize", request, broken, status=HTTPStatus.FOUND)
            return _back(
                asked["redirect_uri"],
                asked["state"],
                error=broken.code,
                error_description=broken.detail,
            )

    def _back_with_code(self, consent: Consent, person: str, scopes: Sequence[str]) -> Response:
        code = self._store.add_code(person, consent.redirect_uri, scopes, consent.code_challenge)
        return _back(consent.redirect_uri, consent.state, code=code, scopes=",".join(scopes))

    # --- tokens -----------------------------------------------------------------------------

    async def token(self, request: Request) -> Response:
        """Exchange a code or a refresh token for a new pair."""
        allow = tolerate(self._store, "token", request)
        form = await self._client_form(request, allow)
        grant_type = rules.require(form, "grant_type")
        if grant_type == "authorization_code":
            return self._exchange(form, allow)
        if grant_type == "refresh_token":
            return self._refresh(form)
        raise rules.unknown_grant_type()

    def _exchange(self, form: dict[str, str], allow: Tolerate) -> Response:
        given, redirect_uri = rules.require(form, "code"), rules.require(form, "redirect_uri")
        code = self._store.code(given)
        if code is None:
            raise rules.bad_grant("code_known", "no such code (was it URL-decoded, once?)")
        if code.used:
            raise rules.bad_grant("code_once", "the code was used before")
        if code.expires_at <= self._store.now():
            raise rules.bad_grant("code_fresh", "the code has expired", avoidable=False)
        if code.client_key != self._store.app.client_key:
            raise rules.bad_grant("code_of_this_app", "the code belongs to another app")
        if code.redirect_uri != redirect_uri:
            raise rules.bad_grant("redirect_uri_same", "not the redirect_uri of the code")
        rules.check_verifier(form, code.challenge, allow)
        self._store.use_code(code)
        return self._new_pair(code.person, code.scopes)

    def _refresh(self, form: dict[str, str]) -> Response:
        token = self._store.token(rules.require(form, "refresh_token"))
        if token is None or token.kind != "refresh":
            raise rules.bad_grant("refresh_token_known", "no such refresh token")
        if token.client_key != self._store.app.client_key:
            raise rules.bad_grant("refresh_token_of_this_app", "it belongs to another app")
        if token.ended == "rotated":
            raise rules.bad_grant("refresh_token_once", "a newer refresh token was issued")
        if token.ended is not None:
            raise rules.bad_grant(
                "refresh_token_live", f"the refresh token is {token.ended}", avoidable=False
            )
        self._store.end_token(token, "rotated")
        return self._new_pair(token.person, token.scopes)

    def _new_pair(self, name: str, scopes: str) -> Response:
        app, person = self._store.app, self._store.add_person(name)
        return JSONResponse(
            {
                "access_token": self._store.add_token(
                    "access", name, scopes, app.access_token_seconds
                ),
                "expires_in": int(app.access_token_seconds),
                "open_id": person.open_id,
                "refresh_token": self._store.add_token(
                    "refresh", name, scopes, app.refresh_token_seconds
                ),
                "refresh_expires_in": int(app.refresh_token_seconds),
                "scope": scopes,
                "token_type": "Bearer",
            },
            headers=NO_STORE,
        )

    async def revoke(self, request: Request) -> Response:
        """Revoke the consent, as the app."""
        form = await self._client_form(request, tolerate(self._store, "revoke", request))
        token = self._store.token(rules.require(form, "token"))
        if token is None or token.client_key != self._store.app.client_key:
            raise rules.bad_grant("revoked_token_known", "no such token")
        if token.ended is not None:
            raise rules.bad_grant(
                "revoked_token_live", f"the token is {token.ended}", avoidable=False
            )
        self._drafts.remove_access(token.person, APP_REVOKED)
        return JSONResponse({}, headers=NO_STORE)

    async def _client_form(self, request: Request, allow: Tolerate) -> dict[str, str]:
        return rules.read_client_form(
            content_type=request.headers.get("content-type", ""),
            query=request.url.query,
            body=await request.body(),
            client_key=self._store.app.client_key,
            client_secret=self._store.app.client_secret,
            tolerate=allow,
        )

    # --- user info --------------------------------------------------------------------------

    async def user_info(self, request: Request) -> Response:
        """Return the requested fields of the token's person."""
        token = caller(self._store, request, "user_info")
        fields = rules.check_fields(request.query_params.get("fields"), token.scopes.split(","))
        person = self._store.add_person(token.person)
        picture = f"{request.base_url}avatar/{quote(person.name, safe='')}.svg"
        known: dict[str, object] = {
            "open_id": person.open_id,
            "union_id": f"union{person.open_id}",
            "display_name": person.display_name,
            "username": person.name,
            "profile_deep_link": f"{request.base_url}inbox/{quote(person.name, safe='')}",
            "bio_description": "",
            "follower_count": 0,
            "following_count": 0,
            "likes_count": 0,
            "video_count": self._store.posted_videos(person.name),
            "avatar_url": picture,
            "avatar_url_100": picture,
            "avatar_large_url": picture,
            "is_verified": False,
        }
        user = {field: known[field] for field in fields}
        return envelope({"user": user}, log_id_of(request))


def _back(redirect_uri: str, state: str, **more: str) -> Response:
    """The browser goes back to the app; every value URL-encoded once, `*` and `!` too."""
    query = urlencode({**more, "state": state}, safe="", quote_via=quote)
    return RedirectResponse(f"{redirect_uri}?{query}", HTTPStatus.FOUND, NO_STORE)
