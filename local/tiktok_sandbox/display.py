"""The Display API's query of videos: counts of what people posted, if they let the app see it."""

import json

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from local.tiktok_sandbox import rules
from local.tiktok_sandbox.answers import envelope, envelope_error, log_id_of, strict
from local.tiktok_sandbox.bearer import caller
from local.tiktok_sandbox.drafts import Drafts
from local.tiktok_sandbox.state import Store


class Display:
    """One call: `/v2/video/query/`."""

    def __init__(self, store: Store, drafts: Drafts) -> None:
        self._store = store
        self._drafts = drafts

    def routes(self) -> list[Route]:
        """Return the routes."""
        query = strict(self._store, "video_query", self.query, envelope_error)
        return [Route("/v2/video/query/", query, methods=["POST"])]

    async def query(self, request: Request) -> Response:
        """Return the asked fields of those of the asked videos that are the person's and public."""
        body = await request.body()
        token = caller(
            self._store,
            request,
            "video_query",
            scope=rules.LIST_SCOPE,
            per_minute=rules.VIDEO_QUERIES_PER_MINUTE,
        )
        fields = rules.check_video_fields(request.query_params.get("fields"))
        asked = rules.read_video_query(rules.read_json(request.headers.get("content-type"), body))
        self._drafts.settle()
        public = {
            str(post_id)
            for share in self._store.shares_of(token.person)
            for post_id in json.loads(share.post_ids)
        }
        videos = [
            {
                name: value
                for name, value in self._video(token.person, each).items()
                if name in fields
            }
            for each in asked
            if each in public
        ]
        return envelope({"videos": videos}, log_id_of(request))

    def _video(self, person: str, post_id: str) -> dict[str, object]:
        views, likes, comments, shares = self._store.counts(post_id)
        return {
            "id": post_id,
            "view_count": views,
            "like_count": likes,
            "comment_count": comments,
            "share_count": shares,
            "share_url": f"https://www.tiktok.com/@{person.replace(' ', '')}/video/{post_id}",
        }
