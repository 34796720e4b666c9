"""The person with the phone: an inbox to look at, a Post button, and a way to remove the app.

Everything works over plain HTTP as well: `POST /inbox/{person}/{publish_id}/post` (form field
`visibility`, `public` unless `private`), `.../hide`, and `POST /inbox/{person}/remove-access`.
Each answers with a redirect to the inbox page.
"""

from http import HTTPStatus
from urllib.parse import parse_qsl

from starlette.requests import Request
from starlette.responses import FileResponse, RedirectResponse, Response
from starlette.routing import Route

from local.tiktok_sandbox import markup
from local.tiktok_sandbox.drafts import PERSON_DISCONNECTED, Drafts
from local.tiktok_sandbox.state import Share, Store


class Pages:
    """The pages of a person: their inbox and its buttons."""

    def __init__(self, store: Store, drafts: Drafts) -> None:
        self._store = store
        self._drafts = drafts

    def routes(self) -> list[Route]:
        """Return the routes."""
        one = "/inbox/{person}/{publish_id}"
        return [
            Route("/", self.people, methods=["GET"]),
            Route("/avatar/{person}.svg", self.avatar, methods=["GET"]),
            Route("/inbox/{person}", self.inbox, methods=["GET"]),
            Route("/inbox/{person}/remove-access", self.remove_access, methods=["POST"]),
            Route(f"{one}/video", self.video, methods=["GET"]),
            Route(f"{one}/post", self.post, methods=["POST"]),
            Route(f"{one}/hide", self.hide, methods=["POST"]),
        ]

    async def people(self, _request: Request) -> Response:
        """List the people and their inboxes."""
        return markup.people_page(self._store.people())

    async def avatar(self, request: Request) -> Response:
        """Return a person's picture."""
        return markup.avatar(request.path_params["person"])

    async def inbox(self, request: Request) -> Response:
        """Return a person's inbox."""
        person = self._store.person(request.path_params["person"])
        if person is None:
            return _nothing()
        self._drafts.settle()
        shares = self._store.shares_of(person.name)
        return markup.inbox_page(person, shares, self._store.granted(person.name))

    async def video(self, request: Request) -> Response:
        """Return the uploaded bytes; a browser may ask for ranges."""
        share = self._share(request)
        if share is None or not share.completed_uploads:
            return _nothing()
        return FileResponse(self._store.video_file(share), media_type=share.content_type)

    async def post(self, request: Request) -> Response:
        """Post the draft, as its person."""
        form = dict(parse_qsl((await request.body()).decode(errors="replace")))
        self._drafts.settle()
        share = self._share(request)
        if share is None:
            return _nothing()
        if not self._drafts.post(share, public=form.get("visibility") != "private"):
            return markup.problem_page(
                "Not in the inbox", "There is nothing to post.", HTTPStatus.CONFLICT
            )
        return _to_inbox(request)

    async def hide(self, request: Request) -> Response:
        """Make the post private again, as its person."""
        share = self._share(request)
        if share is None:
            return _nothing()
        if not self._drafts.hide(share):
            return markup.problem_page(
                "Nothing public", "There is no public post.", HTTPStatus.CONFLICT
            )
        return _to_inbox(request)

    async def remove_access(self, request: Request) -> Response:
        """The person removes the app."""
        if self._store.person(request.path_params["person"]) is None:
            return _nothing()
        if not self._drafts.remove_access(request.path_params["person"], PERSON_DISCONNECTED):
            return markup.problem_page(
                "No connected app", "There is no access to remove.", HTTPStatus.CONFLICT
            )
        return _to_inbox(request)

    def _share(self, request: Request) -> Share | None:
        share = self._store.find_share(request.path_params["publish_id"])
        if share is None or share.person != request.path_params["person"]:
            return None
        return share


def _nothing() -> Response:
    return markup.problem_page("Nothing here", "There is no such page.", HTTPStatus.NOT_FOUND)


def _to_inbox(request: Request) -> Response:
    return RedirectResponse(markup.inbox_path(request.path_params["person"]), HTTPStatus.SEE_OTHER)
