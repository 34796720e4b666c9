"""Acts and their entries in the audit trail: which there are, and what an entry may hold."""

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, is_dataclass
from datetime import date, datetime
from enum import Enum, StrEnum

from chalicelib.foundation.acts import Act
from chalicelib.foundation.values import dataclass

MAX_TEXT_LENGTH = 200
"""Characters of one text in an entry; a longer one ends with an ellipsis."""

MAX_LIST_ITEMS = 60
"""Members of a list in an entry: as many as one transaction writes."""

MAX_BYTES = 2_000
"""Bytes of all values before, and of all after; see `bound_fields`. Sixty ids are 1,900."""

MAX_TITLE = 80


class Kind(StrEnum):
    """A kind of act. A kind never changes its meaning: clients filter by it."""

    PROGRAM_CREATED = "program.created"
    PROGRAM_CHANGED = "program.changed"
    MEMBER_INVITED = "member.invited"
    MEMBERS_IMPORTED = "members.imported"
    MEMBER_INVITED_AGAIN = "member.invited_again"
    INVITATION_MAILED_AGAIN = "invitation.mailed_again"
    INVITATION_NOT_MAILED = "invitation.not_mailed"
    MEMBER_JOINED = "member.joined"
    MEMBER_CHANGED = "member.changed"
    MEMBER_REMOVED = "member.removed"
    MEMBER_LEFT = "member.left"
    INVITATION_DECLINED = "invitation.declined"
    MEMBER_ERASED = "member.erased"
    MEMBER_ERASURE_ENDED = "member.erasure_ended"
    MEMBER_DATA_ASKED = "member.data_asked"
    PROFILE_CHANGED = "profile.changed"
    AUTHENTICATOR_RESET = "authenticator.reset"
    CHANNEL_CREATED = "channel.created"
    CHANNEL_CHANGED = "channel.changed"
    CHANNEL_MEMBERS_ADDED = "channel.members_added"
    CHANNEL_MEMBER_REMOVED = "channel.member_removed"
    CHANNEL_JOINED = "channel.joined"
    CHANNEL_LEFT = "channel.left"
    CAMPAIGN_CREATED = "campaign.created"
    CAMPAIGN_CHANGED = "campaign.changed"
    UPLOAD_ASKED = "upload.asked"
    DRAFT_CREATED = "draft.created"
    DRAFT_REMOVED = "draft.removed"
    AGENT_CALLED = "agent.called"
    ACTIVITY_CREATED = "activity.created"
    ACTIVITY_CHANGED = "activity.changed"
    ACTIVITY_DUPLICATED = "activity.duplicated"
    ACTIVITY_ENDED = "activity.ended"
    ACTIVITY_ARCHIVED = "activity.archived"
    ACTIVITY_UNARCHIVED = "activity.unarchived"
    ACTIVITY_PUBLISHED = "activity.published"
    ACTIVITY_REJECTED = "activity.rejected"
    ACTIVITY_EXPIRED = "activity.expired"
    ACTIVITY_TRIED = "activity.tried"
    DISCLOSURE_ACKNOWLEDGED = "disclosure.acknowledged"
    POINTS_ADJUSTED = "points.adjusted"
    POINTS_TAKEN_BACK = "points.taken_back"
    POINTS_REBUILT = "points.rebuilt"
    REPORTS_REBUILT = "reports.rebuilt"
    PICTURE_ASKED = "picture.asked"
    REWARD_CREATED = "reward.created"
    REWARD_CHANGED = "reward.changed"
    REDEMPTION_FULFILLED = "redemption.fulfilled"
    REDEMPTION_REJECTED = "redemption.rejected"
    EXPORT_ASKED = "export.asked"
    ACCOUNT_CONNECTED = "account.connected"
    ACCOUNT_DISCONNECTED = "account.disconnected"
    ACCOUNT_RELEASED = "account.released"
    ACCOUNT_LAPSED = "account.lapsed"
    ACCOUNT_VIEWS_ALLOWED = "account.views_allowed"
    ACCOUNT_VIEWS_ENDED = "account.views_ended"
    WEBHOOK_CREATED = "webhook.created"
    WEBHOOK_CHANGED = "webhook.changed"
    WEBHOOK_SECRET_RENEWED = "webhook.secret_renewed"  # noqa: S105  a kind of act, no secret
    WEBHOOK_TESTED = "webhook.tested"
    WEBHOOK_REMOVED = "webhook.removed"
    WEBHOOK_DISABLED = "webhook.disabled"


type Fields = Mapping[str, object]


@dataclass(frozen=True)
class AuditEntry:
    """One entry of the trail, as it was written.

    `actor` is `member:<id>`, `command:<name>` or `system:<name>`; the role and the address are
    those of the request, where there was one. `address` is None where it was not read, or is gone.
    """

    program_id: str
    entry_id: str
    at: datetime
    kind: str
    thing: str
    title: str
    actor: str
    role: str | None
    correlation_id: str | None
    before: Fields
    after: Fields
    expires_at: datetime
    address: str | None = None

    @property
    def member_id(self) -> str | None:
        """The id of the member who did it, None for commands and the system."""
        return member_of(self.actor)

    def people(self) -> set[str]:
        """Return the ids of members whom the entry names, as actor, thing or in its values."""
        named = {self.thing, *_texts_within((self.before, self.after))}
        if self.member_id:
            named.add(self.member_id)
        return {each for each in named if each.startswith("mem_")}


@dataclass(frozen=True)
class EntryFilter:
    """A filter of entries: those that meet every criterion that is not None.

    `actor` is a member's id, `system` or `command`; `since` is included, `until` is not.
    """

    actor: str | None = None
    thing: str | None = None
    kind: Kind | None = None
    since: datetime | None = None
    until: datetime | None = None

    def matches(self, entry: AuditEntry) -> bool:
        """Return whether an entry meets all criteria."""
        return (
            (self.actor is None or self.actor == actor_key(entry.actor))
            and (self.thing is None or self.thing == entry.thing)
            and (self.kind is None or self.kind == entry.kind)
            and (self.since is None or entry.at >= self.since)
            and (self.until is None or entry.at < self.until)
        )

    @property
    def criteria_count(self) -> int:
        """The number of criteria beside the time."""
        return sum(each is not None for each in (self.actor, self.thing, self.kind))


def member_of(actor: str) -> str | None:
    """Return the id of a member who is an actor; None for commands and the system."""
    kind, _, name = actor.partition(":")
    return name if kind == "member" else None


def actor_key(actor: str) -> str:
    """Return what an actor is looked up by: a member's id, `command` or `system`."""
    return member_of(actor) or actor.partition(":")[0]


def act(
    kind: Kind,
    program_id: str,
    thing: str,
    before: Fields | None = None,
    after: Fields | None = None,
    *,
    title: str = "",
) -> Act:
    """Return an audited act, to be committed with the writes that it is made of.

    Of fields in both `before` and `after` only those that differ are kept.
    """
    was, becomes = to_json(before or {}), to_json(after or {})
    same = {name for name in was.keys() & becomes.keys() if was[name] == becomes[name]}
    return Act(
        kind.value,
        program_id,
        thing,
        bound_fields({name: value for name, value in was.items() if name not in same}),
        bound_fields({name: value for name, value in becomes.items() if name not in same}),
        shorten(title, MAX_TITLE),
    )


def select_fields(thing: object, names: Sequence[str]) -> dict[str, object]:
    """Return the named attributes of a thing, for `before` or `after`."""
    return {name: getattr(thing, name) for name in names}


def to_json(fields: Fields) -> dict[str, object]:
    """Return fields as plain JSON, whole: enumerations by value, sets sorted, instants as text."""
    return {name: _plain(value) for name, value in fields.items()}


def _plain(value: object) -> object:
    match value:
        case Enum():
            return value.value
        case None | bool() | int() | float() | str():
            return value
        case datetime() | date():
            return value.isoformat()
        case Mapping():
            return {str(name): _plain(each) for name, each in value.items()}
        case set() | frozenset():
            return sorted((_plain(each) for each in value), key=str)
        case Collection():
            return [_plain(each) for each in value]
        case _ if is_dataclass(value) and not isinstance(value, type):
            return _plain(asdict(value))
    raise TypeError(f"An entry cannot hold {type(value).__name__}.")


def bound_fields(fields: Fields) -> dict[str, object]:
    """Return fields whose texts and lists are cut, and at most `MAX_BYTES` of them in all.

    The longest go first where it is still too much: each is then an ellipsis, so that the entry
    says which fields changed even if not how.
    """
    cut = {name: _shorten_value(value) for name, value in fields.items()}
    while len(_encode_json(cut)) > MAX_BYTES:
        longest = max(cut, key=lambda name: len(_encode_json(cut[name])))
        if cut[longest] == "…":
            return {"…": f"{len(fields)} fields"}
        cut[longest] = "…"
    return cut


def _shorten_value(value: object) -> object:
    match value:
        case str():
            return shorten(value, MAX_TEXT_LENGTH)
        case list():
            more = [f"… {len(value) - MAX_LIST_ITEMS} more"] if len(value) > MAX_LIST_ITEMS else []
            return [*map(_shorten_value, value[:MAX_LIST_ITEMS]), *more]
        case dict():
            return {
                shorten(str(name), MAX_TEXT_LENGTH): _shorten_value(each)
                for name, each in value.items()
            }
    return value


def shorten(text: str, most: int) -> str:
    """Return a text of at most so many characters, the last an ellipsis if it was longer."""
    return text if len(text) <= most else f"{text[: most - 1]}…"


def _encode_json(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


def encode_fields(fields: Fields) -> str | None:
    """Return fields as an entry keeps them; None for none at all."""
    return _encode_json(fields).decode() if fields else None


def decode_fields(text: str | None) -> Fields:
    """Return the fields that `encode_fields` wrote."""
    found: dict[str, object] = json.loads(text) if text else {}
    return found


def _texts_within(value: object) -> set[str]:
    match value:
        case str():
            return {value}
        case Mapping():
            return {text for each in value.values() for text in _texts_within(each)}
        case list() | tuple():
            return {text for each in value for text in _texts_within(each)}
    return set()
