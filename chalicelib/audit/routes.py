"""The audit trail over HTTP, for managers."""

from datetime import datetime
from typing import Annotated

from pydantic import AwareDatetime, ConfigDict, Field, StringConstraints

from chalicelib.audit.model import AuditEntry, EntryFilter, Kind
from chalicelib.audit.service import AuditService
from chalicelib.foundation.http import MAX_ID_LENGTH, Answer, Request, RequiredRole, endpoint
from chalicelib.foundation.pages import MAX_LIMIT
from chalicelib.foundation.problems import ProblemCode
from chalicelib.foundation.queries import PageQuery, id_list
from chalicelib.foundation.schemas import Schema

Id = Annotated[str, StringConstraints(min_length=1, max_length=MAX_ID_LENGTH, pattern=r"^[!-~]+$")]


class AuditQuery(PageQuery):
    """All entries, or those that meet every criterion that is given."""

    actor: Annotated[
        Id | None,
        Field(description="A member's id, or `command` (the owner's commands), or `system`"),
    ] = None
    thing: Annotated[
        Id | None, Field(description="The id of a member, activity, channel, reward, ...")
    ] = None
    kind: Kind | None = None
    since: Annotated[AwareDatetime | None, Field(description="Included")] = None
    until: Annotated[AwareDatetime | None, Field(description="Not included")] = None


class MemberNamesQuery(Schema):
    model_config = ConfigDict(extra="forbid")

    ids: Annotated[
        str,
        id_list(MAX_LIMIT, "ids of members, separated by commas", characters=r"[!-+\-.-~]"),
    ]


class EntryView(Schema):
    """An act on a thing, and the fields that it changed."""

    entry_id: str
    at: datetime
    kind: Annotated[str, Field(description="One of those that `kind` filters by, or a later one")]
    actor: Annotated[str, Field(description="`member:<id>`, `command:<name>` or `system:<name>`")]
    member_id: Annotated[str | None, Field(description="Of the member who did it")]
    role: Annotated[str | None, Field(description="The member's role when they did it")]
    thing: Annotated[str, Field(description="The id of what it was done to")]
    title: Annotated[str, Field(description="What the thing was called then; empty for members")]
    correlation_id: str | None
    before: Annotated[dict[str, object], Field(description="What changed, as it was")]
    after: Annotated[dict[str, object], Field(description="What changed, as it is since")]
    expires_at: Annotated[datetime, Field(description="Until when the entry is kept")]

    @classmethod
    def of(cls, entry: AuditEntry) -> "EntryView":
        return cls(**_fields(entry))


class EntryDetails(EntryView):
    address: Annotated[
        str | None, Field(description="The network address that the request began at")
    ]


class EntryList(Schema):
    items: list[EntryView]
    next_cursor: str | None


class MemberNames(Schema):
    """Names that members have now; who is in no program any more is left out."""

    names: dict[str, str]


@endpoint(
    RequiredRole.MANAGER,
    query=AuditQuery,
    answers={200: EntryList},
    problems=(ProblemCode.INVALID_CURSOR,),
)
def list_newest(service: AuditService, request: Request[None, AuditQuery]) -> Answer:
    """List the audit trail, newest first.

    With more than one of actor, thing and kind a page may have fewer entries than asked for, or
    none, though there are more: follow `next_cursor`.
    """
    query = request.query
    wanted = EntryFilter(query.actor, query.thing, query.kind, query.since, query.until)
    page = service.entries(request.caller, wanted, query.limit, query.cursor)
    return Answer(
        200,
        EntryList(items=[EntryView.of(each) for each in page.items], next_cursor=page.next_cursor),
    )


@endpoint(RequiredRole.MANAGER, answers={200: EntryDetails}, problems=(ProblemCode.NOT_FOUND,))
def read(service: AuditService, request: Request[None, None]) -> Answer:
    """Read an entry of the audit trail, with the address of its request."""
    entry = service.entry(request.caller, request.path["entry_id"])
    return Answer(200, EntryDetails(**_fields(entry), address=entry.address))


@endpoint(RequiredRole.MANAGER, query=MemberNamesQuery, answers={200: MemberNames})
def list_names(service: AuditService, request: Request[None, MemberNamesQuery]) -> Answer:
    """Read the names of members that audit entries mention."""
    ids = request.query.ids.split(",")
    return Answer(200, MemberNames(names=service.names(request.caller, ids)))


def _fields(entry: AuditEntry) -> dict[str, object]:
    return {
        "entry_id": entry.entry_id,
        "at": entry.at,
        "kind": entry.kind,
        "actor": entry.actor,
        "member_id": entry.member_id,
        "role": entry.role,
        "thing": entry.thing,
        "title": entry.title,
        "correlation_id": entry.correlation_id,
        "before": entry.before,
        "after": entry.after,
        "expires_at": entry.expires_at,
    }
