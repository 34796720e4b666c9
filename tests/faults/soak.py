"""Soak test: many performances by many members under random faults, reproducible from a seed.

People send, post, lose their consent and connect again over some days; functions are killed, AWS
and TikTok return errors, webhooks and messages arrive twice, late, out of order or never. At the
end no video was sent twice, none was lost, and every ledger is correct.
"""

import random
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from chalicelib.activities.model import Activity
from tests.faults.boundary import Effect, Injection
from tests.faults.cloud import Message
from tests.faults.errors import conflicted, raises, refused, stream_broken, throttled, timed_out
from tests.faults.invariants import CONSENT_GONE, LATE_BYTES, Verdict, check_invariants
from tests.faults.report_checks import report_errors
from tests.faults.simulation import Behaviour, Person, Simulation, SimulationParts
from tests.faults.tiktok import Webhook

TIKTOK_FAULTS_INTERVAL = timedelta(minutes=20)
UNAVOIDABLE_VIOLATIONS = CONSENT_GONE | LATE_BYTES | {"calls_per_minute"}
"""TikTok's rules that workers which are killed or lose answers cannot keep."""

STEPS = ("token", "init", "upload", "status")
LATE_POST_FACTOR = 18
"""How many times longer than the others late posters take."""

ROUNDS_PER_PERFORMANCE = 1000
PROGRESS_SECONDS = 5.0


@dataclass(frozen=True)
class Size:
    """The numbers of performances and members, and the time over which they send.

    `posting` is how long most of them take to post: the sooner, the fewer status requests.
    """

    performances: int
    members: int
    sending: timedelta = timedelta(days=3)
    posting: timedelta = timedelta(minutes=40)

    @property
    def each(self) -> int:
        return self.performances // self.members


LONG = Size(2000, 200)
SHORT = Size(100, 10, timedelta(days=1), timedelta(minutes=4))


@dataclass(frozen=True)
class SoakResult:
    """The result of a soak test. `faults` counts the injected faults by kind."""

    seed: int
    size: Size
    verdict: Verdict
    outcomes: Counter[str]
    faults: Counter[str]
    took: timedelta
    seconds: float

    def violations(self, *words: str) -> list[str]:
        return [each for each in self.verdict.violations if any(word in each for word in words)]


def soak(
    parts: SimulationParts,
    size: Size,
    seed: int,
    print_line: Callable[[str], object] = lambda _line: None,
) -> SoakResult:
    """Run a soak test of this size; the same seed repeats the same simulation."""
    started = time.monotonic()
    random_faults = _RandomFaults(random.Random(seed), size, print_line)
    simulation = Simulation(parts, random_faults.behaviour(), seed=seed)
    random_faults.populate(simulation)
    rounds = ROUNDS_PER_PERFORMANCE * size.performances
    idle = simulation.run_until_idle(timedelta(days=40), rounds)
    extra_violations = list(report_errors(simulation, random.Random(seed)))
    verdict = check_invariants(
        simulation,
        idle=idle,
        tolerated_rules=UNAVOIDABLE_VIOLATIONS,
        extra_violations=extra_violations,
    )
    simulation.close()
    return SoakResult(
        seed,
        size,
        verdict,
        Counter(verdict.outcome.split(", ")),
        random_faults.faults,
        simulation.clock.now() - simulation.began_at,
        time.monotonic() - started,
    )


class _RandomFaults:
    """Draws every random decision of a soak test."""

    def __init__(
        self, dice: random.Random, size: Size, print_line: Callable[[str], object]
    ) -> None:
        self._dice, self._size, self._print_line = dice, size, print_line
        self.faults: Counter[str] = Counter()
        self._printed_at = time.monotonic()
        self._simulation: Simulation | None = None

    @property
    def simulation(self) -> Simulation:
        assert self._simulation is not None
        return self._simulation

    def behaviour(self) -> Behaviour:
        return Behaviour(
            webhook_delays=self._webhook_delays,
            message=self._message,
            redelivers=lambda: self._roll(0.05, "message delivered twice"),
            on_round=self._print_progress,
        )

    def populate(self, simulation: Simulation) -> None:
        """Add members and activities, and schedule their sends and TikTok's faults."""
        self._simulation = simulation
        activities = [simulation.activity() for _ in range(self._size.each * 3 // 2)]
        for _ in range(self._size.members):
            person = simulation.member(
                connected=self._dice.random() < 0.8,
                reconnects_after=self._random_delay(timedelta(hours=2)),
                posts_after=self._posts_after,
            )
            for activity in self._dice.sample(activities, self._size.each):
                self._schedule_send(person, activity)
        simulation.boundary.plan = self._plan
        simulation.cloud.drops_message = lambda: self._roll(0.02, "message lost")
        simulation.schedule(TIKTOK_FAULTS_INTERVAL, self._change_tiktok_faults)

    def _schedule_send(self, person: Person, activity: Activity, again: int = 2) -> None:
        def look() -> None:
            """Send the video again if all its performances failed."""
            states = [
                item["state"]["S"]
                for item in self.simulation.performances(person)
                if item["activity_id"]["S"] == activity.activity_id
            ]
            if states and set(states) == {"failed"} and activity.activity_id not in person.pending:
                self.faults["sent again after it failed"] += 1
                self._schedule_send(person, activity, again - 1)

        def send() -> None:
            self.simulation.send(person, activity, tries=60)
            if again:
                self.simulation.schedule(timedelta(hours=12), look)

        self.simulation.schedule(self._random_delay(self._size.sending / 2), send)

    def _random_delay(self, about: timedelta) -> timedelta:
        return about * self._dice.uniform(0, 2)

    def _posts_after(self) -> timedelta | None:
        """Return when a video is posted: mostly soon, sometimes after days, sometimes never."""
        kind = self._dice.random()
        if kind < 0.03:
            return None
        return self._random_delay(self._size.posting * (LATE_POST_FACTOR if kind < 0.1 else 1))

    def _roll(self, chance: float, what: str) -> bool:
        fault = self._dice.random() < chance
        self.faults[what] += fault
        return fault

    def _message(self, showing: list[Message]) -> Message:
        return self._dice.choice(showing)

    def _webhook_delays(self, _hook: Webhook) -> list[timedelta]:
        if self._roll(0.2, "webhook lost"):
            return []
        copies = 1 + self._roll(0.2, "webhook twice")
        late = timedelta(hours=3) if self._roll(0.2, "webhook late") else timedelta(seconds=5)
        return [self._random_delay(late) for _ in range(copies)]

    def _plan(self, effect: Effect) -> Injection | None:
        if effect.name == "s3 GetObject" and self._roll(0.02, "video breaks off"):
            self.simulation.cloud.broken_streams.append(stream_broken)
        kill = self.simulation.boundary.kill
        if effect.is_upload and self._roll(0.02, "killed during an upload"):
            return Injection(during=kill)
        if self._roll(0.002, "killed before an effect"):
            return Injection(before=kill)
        if self._roll(0.002, "killed after an effect"):
            return Injection(after=kill)
        if effect.name.startswith("tiktok"):
            if self._roll(0.01, "TikTok: connection refused"):
                return Injection(before=raises(refused))
            return None
        return self._aws_fault(effect)

    def _aws_fault(self, effect: Effect) -> Injection | None:
        if self._roll(0.002, "AWS: throttled"):
            return Injection(before=raises(throttled))
        if self._roll(0.002, "AWS: answer lost"):
            return Injection(after=raises(timed_out))
        transaction = effect.name.startswith("dynamodb TransactWrite")
        if transaction and self._roll(0.02, "AWS: transaction conflict"):
            return Injection(before=raises(conflicted))
        if effect.name.startswith("dynamodb Update") and self._roll(0.005, "AWS: asked twice"):
            return Injection(again=True)
        return None

    def _change_tiktok_faults(self) -> None:
        """Set other random faults at TikTok; sometimes a person revokes the app's access."""
        rules = [self._random_rule() for _ in range(self._dice.choice((0, 0, 0, 1, 2)))]
        self.simulation.tiktok.faults(*rules)
        for rule in rules:
            self.faults[f"TikTok: {rule['kind']} at {rule['endpoint']}"] += 1
        name = self._dice.choice(list(self.simulation.people))
        if self._roll(0.1, "token run out"):
            self.simulation.tiktok.expire(name, "access")
        person = self.simulation.people[name]
        if self.simulation.account_state(person) == "connected" and self._roll(
            0.03, "access taken back"
        ):
            self.simulation.tiktok.revoke_access(name)
        if self.simulation.clock.now() < self.simulation.began_at + self._size.sending + timedelta(
            hours=12
        ):
            self.simulation.schedule(
                self._random_delay(TIKTOK_FAULTS_INTERVAL), self._change_tiktok_faults
            )
        else:
            self.simulation.tiktok.faults()

    def _random_rule(self) -> Mapping[str, Any]:
        where = self._dice.choice((*STEPS, "processing"))
        times = self._dice.choice((1, 1, 2, 3, None))
        if where == "processing":
            kind = self._dice.choice(("fail", "slow"))
            reasons = ("internal", "internal", "file_format_check_failed", "spam_risk")
            return {
                "endpoint": where,
                "kind": kind,
                "fail_reason": self._dice.choice(reasons),
                "seconds": self._dice.choice((5, 60, 300)),
                "times": times or 1,
            }
        kinds = ["reset", "status", "malformed", "truncated", "cut", "wrong_content_type"]
        kind = self._dice.choice([*kinds, "reset_after_bytes"] if where == "upload" else kinds)
        status, code = self._dice.choice(((500, "internal_error"), (429, "rate_limit_exceeded")))
        return {
            "endpoint": where,
            "kind": kind,
            "when": "before" if kind == "reset_after_bytes" else self._when(where),
            "status": status,
            "error_code": code,
            "times": times,
            "after_bytes": self._dice.choice((0, 1, 1000)),
        }

    def _when(self, where: str) -> str:
        # Each lost answer of a token refresh costs a consent; those happen often enough.
        return "before" if where == "token" else self._dice.choice(("before", "after"))

    def _print_progress(self) -> None:
        if time.monotonic() - self._printed_at < PROGRESS_SECONDS:
            return
        self._printed_at = time.monotonic()
        found = [
            item
            for each in self.simulation.people.values()
            for item in self.simulation.performances(each)
        ]
        states = Counter(item["state"]["S"] for item in found)
        day = (self.simulation.clock.now() - self.simulation.began_at) / timedelta(days=1)
        told = ", ".join(f"{number} {state}" for state, number in states.most_common())
        self._print_line(f"  day {day:4.1f}: {len(found)} performed: {told}")


DUPLICATES = ("completed drafts", "was uploaded", "its draft is there")
LOSSES = ("rests as", "nobody will look", "draft is not there", "still waiting", "never made")
POINTS = ("ledger", "balance", "marks")


def summary(result: SoakResult) -> Iterator[str]:
    """Yield the lines that summarize a soak test."""
    size = result.size
    outcomes = ", ".join(f"{number} {word}" for word, number in result.outcomes.most_common())
    yield (
        f"{sum(result.outcomes.values())} performances by {size.members} members in "
        f"{result.took / timedelta(days=1):.0f} days of theirs, {result.seconds:.0f} s of ours; "
        f"seed {result.seed}"
    )
    yield f"ended as: {outcomes}"
    yield "faults: " + ", ".join(
        f"{number} {what}" for what, number in sorted(result.faults.items())
    )
    found: Sequence[tuple[str, Sequence[str]]] = (
        ("duplicates", result.violations(*DUPLICATES)),
        ("losses", result.violations(*LOSSES)),
        ("wrong points", result.violations(*POINTS)),
    )
    counted = {each for _, violations in found for each in violations}
    rest = [each for each in result.verdict.violations if each not in counted]
    yield ", ".join(f"{len(violations)} {what}" for what, violations in (*found, ("other", rest)))
    yield from (f"  WRONG: {each}" for each in result.verdict.violations)
