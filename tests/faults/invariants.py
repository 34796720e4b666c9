"""Checks the invariants of an idle simulation: no video lost or sent twice, correct points.

It reads only the tables and TikTok's state, and does not depend on how staging works.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta

from tests.faults.expressions import Item
from tests.faults.simulation import EARLIER, SETTINGS, Person, Simulation, instant_of
from tests.faults.tiktok import Share, sha256

MAX_LEASE = timedelta(minutes=15)
"""No function runs for longer, so no lease needs to be longer."""

FINAL_STATES = frozenset({"unconfirmed", "staged", "posted", "failed"})

REQUIRED_TIMES = {
    "unconfirmed": ("delivered_at", "unconfirmed_at"),
    "staged": ("delivered_at", "staged_at"),
    "posted": ("delivered_at", "staged_at", "posted_at"),
}
"""The times that a performance in each final state must have."""

DRAFT_MAY_EXIST = frozenset({"unconfirmed", "never_arrived"})
"""Failures whose text asks the member to check their inbox, or says that TikTok keeps the video."""

NEVER_ANSWERED = frozenset({"given_up", "reconnect_required"})
"""Failures after which it may be unknown whether a draft was created."""

ANSWER_LOST = frozenset({"refresh_token_once"})
"""If a refresh's answer was lost, only another request can show whether the refresh was done."""

CONSENT_GONE = ANSWER_LOST | {"code_once"}
"""The sandbox counts the codes of a revoked consent as used."""

LATE_BYTES = ANSWER_LOST | {"upload_only_once"}
"""Bytes may arrive after the client stopped waiting for the answer; TikTok refuses them."""


@dataclass(frozen=True)
class Verdict:
    """The outcome in a word or two, and every violated invariant."""

    outcome: str
    violations: tuple[str, ...]

    @property
    def passed(self) -> bool:
        return not self.violations


def check_invariants(
    simulation: Simulation,
    *,
    idle: bool,
    expected: frozenset[str] | None = None,
    tolerated_rules: frozenset[str] = frozenset(),
    extra_violations: Iterable[str] = (),
    contradicted: bool = False,
) -> Verdict:
    """Check a simulation; every performance must have one of the `expected` outcomes.

    An outcome is a state, or a state and its reason: `failed`, `failed: inbox_full`. Broken
    `tolerated_rules` of TikTok's count as no violation. `extra_violations` are added to the
    verdict. With `contradicted`, TikTok made two claims about a draft, so the check of drafts
    against performances is left out.
    """
    violations = [
        *([] if idle else ["it never came to rest"]),
        *simulation.unreported,
        *extra_violations,
    ]
    outcomes = []
    for person in simulation.people.values():
        found = simulation.performances(person)
        violations += _of_person(simulation, person, found, contradicted=contradicted)
        outcomes += [_outcome(item) for item in found] or ["nothing performed"]
    violations += _leftovers(simulation)
    violations += [
        f"broke TikTok's rule {rule}: {detail}"
        for rule, detail in simulation.tiktok.broken_rules()
        if rule not in tolerated_rules
    ]
    for outcome in sorted(set(outcomes)):
        if expected is not None and expected.isdisjoint((outcome, outcome.partition(":")[0])):
            violations.append(f"ended as {outcome}")
    return Verdict(", ".join(outcomes), tuple(violations))


def _outcome(item: Item) -> str:
    state = item["state"]["S"]
    return f"{state}: {item['failure']['S']}" if "failure" in item else state


def _of_person(
    simulation: Simulation, person: Person, found: Sequence[Item], *, contradicted: bool
) -> Iterator[str]:
    shares = simulation.shares(person)
    yield from _shares(simulation, found, shares)
    for item in found:
        yield from _performance(item)
        if not contradicted:
            yield from _drafts(simulation, person, item, shares)
    yield from _ledger(simulation, person, found)
    yield from _marks(simulation, person, found)
    yield from _places(simulation, person, found)
    if person.pending:
        yield f"{person.name} is still waiting for an answer"


def _shares(
    simulation: Simulation, found: Sequence[Item], shares: Sequence[Share]
) -> Iterator[str]:
    """Every existing draft belongs to one performance, and was uploaded once."""
    right = {sha256(simulation.content(item["activity_id"]["S"])) for item in found}
    there = [share for share in shares if share.exists]
    for share in there:
        if share.sha256 not in right:
            yield f"draft {share.publish_id} has other bytes"
        if share.completed_uploads != 1:
            yield f"draft {share.publish_id} was uploaded {share.completed_uploads} times"


def _performance(item: Item) -> Iterator[str]:
    """Every performance is in a final state and has the fields that the state requires."""
    name, state = item["performance_id"]["S"], item["state"]["S"]
    if state not in FINAL_STATES:
        yield f"{name} rests as {state}"
    if state == "failed" and (
        not item.get("reason", {}).get("S", "").endswith(".") or "failed_at" not in item
    ):
        yield f"{name} failed without plain words"
    for moment in REQUIRED_TIMES.get(state, ()):
        if moment not in item:
            yield f"{name} is {state} without {moment}"


def _drafts(
    simulation: Simulation, person: Person, item: Item, shares: Sequence[Share]
) -> Iterator[str]:
    """A performance's final state agrees with its drafts at TikTok."""
    name, state = item["performance_id"]["S"], item["state"]["S"]
    video = sha256(simulation.content(item["activity_id"]["S"]))
    others = [
        each
        for each in simulation.performances(person)
        if each["activity_id"] == item["activity_id"] and each is not item
    ]
    there = [share for share in shares if share.exists and share.sha256 == video]
    mine = [share for share in there if share.publish_id == item.get("publish_id", {}).get("S")]
    others_right = [each for each in others if each["state"]["S"] in ("staged", "posted")]
    if state == "failed":
        if len(there) > len(others_right) and item["failure"]["S"] not in DRAFT_MAY_EXIST:
            yield f"{name} failed ({item['failure']['S']}), but its draft is there"
    elif state in FINAL_STATES:
        if len(mine) != 1 and state != "unconfirmed":
            yield f"{name} is {state}, but its own draft is not there"
        if len(there) > 1 and not any(
            each["state"]["S"] == "unconfirmed"
            or (each["state"]["S"] == "failed" and each["failure"]["S"] in DRAFT_MAY_EXIST)
            for each in others
        ):
            yield f"{name} has {len(there)} completed drafts"
        connected = simulation.account_state(person) == "connected"
        if connected and state == "staged" and any(share.is_posted for share in mine):
            yield f"{name} was posted at TikTok, but rests as {state}"


def _ledger(simulation: Simulation, person: Person, found: Sequence[Item]) -> Iterator[str]:
    """The ledger has one award per performance, one bonus per post, one reversal per failure."""
    owned = simulation.cloud.tables.owned(SETTINGS.points_table, person.caller.owner)
    entries = [item for item in owned if item["item"]["S"].startswith("entry#")]
    told = sorted(
        (each["source_id"]["S"], each["kind"]["S"], int(each["points"]["N"])) for each in entries
    )
    due = []
    for item in found:
        name, points = item["performance_id"]["S"], int(item["points"]["N"])
        due.append((name, "award", points))
        if item["state"]["S"] == "failed":
            due.append((name, "reversal", -points))
        if item["state"]["S"] == "posted":
            due.append((name, "bonus", int(item["posted_bonus"]["N"])))
    if told != sorted(due):
        yield f"{person.name}'s ledger is {told}, not {sorted(due)}"
    totals = [item for item in owned if item["item"]["S"] == "totals"]
    summed = sum(points for _, _, points in told)
    kept = int(totals[0]["balance"]["N"]) if totals else 0
    if kept != summed:
        yield f"{person.name}'s balance is {kept}, the ledger says {summed}"


def _marks(simulation: Simulation, person: Person, found: Sequence[Item]) -> Iterator[str]:
    """Performed activities are hidden from the feed; failed ones are shown again."""
    owned = simulation.cloud.tables.owned(SETTINGS.marks_table, person.caller.owner)
    marks = {
        (item["activity_id"]["S"], item["performance_id"]["S"])
        for item in owned
        if "performance_id" in item
    }
    due = {
        (item["activity_id"]["S"], item["performance_id"]["S"])
        for item in found
        if item["state"]["S"] != "failed"
    }
    if marks != due:
        yield f"{person.name}'s marks are {sorted(marks)}, not {sorted(due)}"


def _places(simulation: Simulation, person: Person, found: Sequence[Item]) -> Iterator[str]:
    """Only performances that may have a draft take a place in the inbox."""
    places = simulation.places(person)
    taken = {place.performance_id for place in places if place.lost_draft is None}
    for item in found:
        name, state = item["performance_id"]["S"], item["state"]["S"]
        if name not in taken:
            continue
        if state == "posted":
            yield f"{name} is posted, and still takes a place in the inbox"
        if state == "failed" and _has_no_draft(item):
            yield f"{name} failed without a draft, and takes a place in the inbox"
    known = {EARLIER, *(item["performance_id"]["S"] for item in found)}
    for place in places:
        if place.performance_id not in known:
            name = place.performance_id
            yield f"{name} takes a place in {person.name}'s inbox, and was never made"


def _has_no_draft(item: Item) -> bool:
    """Whether TikTok was never asked for a draft, or refused to begin one."""
    attempts, failure = int(item["attempts"]["N"]), str(item["failure"]["S"])
    refused = "publish_id" not in item and failure not in NEVER_ANSWERED
    return attempts == 0 or refused or failure == "inbox_full"


def _leftovers(simulation: Simulation) -> Iterator[str]:
    now = simulation.clock.now()
    if simulation.cloud.queue.messages:
        yield f"{len(simulation.cloud.queue.messages)} messages are left"
    queue = simulation.cloud.queue
    # Of tens of thousands of messages, faults may disrupt one at each receive; only such a message
    # may reach the dead-letter queue.
    dead = [each for each in queue.dead if each.disrupted < queue.max_receives]
    if dead:
        yield f"{len(dead)} messages went to the dead-letter queue"
    for item in simulation.cloud.tables.items(SETTINGS.performances_table):
        name = item["performance_id"]["S"]
        if "unfinished_in" in item and item["state"]["S"] in ("posted", "failed"):
            yield f"{name} is {item['state']['S']} and still looked at"
        if "unfinished_in" not in item and item["state"]["S"] not in FINAL_STATES:
            yield f"{name} is {item['state']['S']} and nobody will look at it"
        if "leased_until" in item and instant_of(item["leased_until"]) > now + MAX_LEASE:
            yield f"{name} is leased for ever"
    for item in simulation.cloud.tables.items(SETTINGS.accounts_table):
        until = float(item.get("locked_until", {}).get("N", 0))
        if until > (now + MAX_LEASE).timestamp():
            yield f"{item['key']['S']} is locked for ever"
        if "pending_in" in item:
            yield f"{item['key']['S']} has a send that was never made"
