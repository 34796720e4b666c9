"""A soak: many performances by many members under random faults, all out of one seed.

People send, post, lose their consent and connect again over some days; functions die, AWS
stumbles, TikTok has its weather, webhooks and messages come twice, late, in any order or never.
In the end nothing is sent twice, nothing is lost, and every point is where it should be.
"""

import random
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from chalicelib.activities.model import Activity
from tests.faults.boundary import Effect, Step
from tests.faults.cloud import Message
from tests.faults.counted import counted_wrongly
from tests.faults.errors import conflicted, raises, refused, stream_broken, throttled, timed_out
from tests.faults.judge import CONSENT_GONE, TOO_LATE, Verdict, judge
from tests.faults.simulation import Habits, Person, Simulation, SimulationParts
from tests.faults.tiktok import Hook

WEATHER = timedelta(minutes=20)
KEPT_BY_NOBODY = CONSENT_GONE | TOO_LATE | {"calls_per_minute"}
"""Rules that those who die and lose answers cannot keep."""

STEPS = ("token", "init", "upload", "status")
LATER_POST = 18
"""So many times as long as the others take those who do not post soon."""

ROUNDS_PER_PERFORMANCE = 1000
TELLS_SECONDS = 5.0


@dataclass(frozen=True)
class Size:
    """How many performances, by how many members, over how long they send.

    `posting` is how long most of them take to post: the sooner, the less TikTok has to be asked.
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
class Soaked:
    """What came of it. `faults` counts what was made to go wrong."""

    seed: int
    size: Size
    verdict: Verdict
    outcomes: Counter[str]
    faults: Counter[str]
    took: timedelta
    seconds: float

    def wrong(self, *words: str) -> list[str]:
        return [each for each in self.verdict.wrong if any(word in each for word in words)]


def soak(
    parts: SimulationParts,
    size: Size,
    seed: int,
    tell: Callable[[str], object] = lambda _line: None,
) -> Soaked:
    """Soak a simulation of this size; the same seed makes the same simulation."""
    started = time.monotonic()
    fate = _Fate(random.Random(seed), size, tell)
    simulation = Simulation(parts, fate.habits(), seed=seed)
    fate.begins(simulation)
    rounds = ROUNDS_PER_PERFORMANCE * size.performances
    quiet = simulation.goes_on(timedelta(days=40), rounds)
    also = list(counted_wrongly(simulation, random.Random(seed)))
    verdict = judge(simulation, quiet=quiet, forgiven=KEPT_BY_NOBODY, also=also)
    simulation.close()
    return Soaked(
        seed,
        size,
        verdict,
        Counter(verdict.outcome.split(", ")),
        fate.faults,
        simulation.clock.now() - simulation.began_at,
        time.monotonic() - started,
    )


class _Fate:
    """Rolls the dice for everything."""

    def __init__(self, dice: random.Random, size: Size, tell: Callable[[str], object]) -> None:
        self._dice, self._size, self._tell = dice, size, tell
        self.faults: Counter[str] = Counter()
        self._told_at = time.monotonic()
        self._simulation: Simulation | None = None

    @property
    def simulation(self) -> Simulation:
        assert self._simulation is not None
        return self._simulation

    def habits(self) -> Habits:
        return Habits(
            hook_after=self._hook_after,
            message=self._message,
            delivered_twice=lambda: self._happens(0.05, "message delivered twice"),
            before_round=self._shows,
        )

    def begins(self, simulation: Simulation) -> None:
        """Let people into the simulation, and give it its weather."""
        self._simulation = simulation
        activities = [simulation.activity() for _ in range(self._size.each * 3 // 2)]
        for _ in range(self._size.members):
            person = simulation.member(
                connected=self._dice.random() < 0.8,
                comes_back=self._some_time(timedelta(hours=2)),
                posts=self._posts_after,
            )
            for activity in self._dice.sample(activities, self._size.each):
                self._plans(person, activity)
        simulation.boundary.plan = self._plan
        simulation.cloud.loses = lambda: self._happens(0.02, "message lost")
        simulation.later(WEATHER, self._weather)

    def _plans(self, person: Person, activity: Activity, again: int = 2) -> None:
        def look() -> None:
            """Find it failed, and send it once more."""
            states = [
                item["state"]["S"]
                for item in self.simulation.performances(person)
                if item["activity_id"]["S"] == activity.activity_id
            ]
            if (
                states
                and set(states) == {"failed"}
                and activity.activity_id not in person.under_way
            ):
                self.faults["sent again after it failed"] += 1
                self._plans(person, activity, again - 1)

        def send() -> None:
            self.simulation.sends(person, activity, tries=60)
            if again:
                self.simulation.later(timedelta(hours=12), look)

        self.simulation.later(self._some_time(self._size.sending / 2), send)

    def _some_time(self, about: timedelta) -> timedelta:
        return about * self._dice.uniform(0, 2)

    def _posts_after(self) -> timedelta | None:
        """Most post soon, some in days, some never."""
        kind = self._dice.random()
        if kind < 0.03:
            return None
        return self._some_time(self._size.posting * (LATER_POST if kind < 0.1 else 1))

    def _happens(self, chance: float, what: str) -> bool:
        happens = self._dice.random() < chance
        self.faults[what] += happens
        return happens

    def _message(self, showing: list[Message]) -> Message:
        return self._dice.choice(showing)

    def _hook_after(self, _hook: Hook) -> list[timedelta]:
        if self._happens(0.2, "webhook lost"):
            return []
        copies = 1 + self._happens(0.2, "webhook twice")
        late = timedelta(hours=3) if self._happens(0.2, "webhook late") else timedelta(seconds=5)
        return [self._some_time(late) for _ in range(copies)]

    def _plan(self, effect: Effect) -> Step | None:
        if effect.name == "s3 GetObject" and self._happens(0.02, "video breaks off"):
            self.simulation.cloud.s3_breaks.append(stream_broken)
        kill = self.simulation.boundary.kill
        if effect.is_upload and self._happens(0.02, "killed during an upload"):
            return Step(during=kill)
        if self._happens(0.002, "killed before an effect"):
            return Step(before=kill)
        if self._happens(0.002, "killed after an effect"):
            return Step(after=kill)
        if effect.name.startswith("tiktok"):
            if self._happens(0.01, "TikTok: connection refused"):
                return Step(before=raises(refused))
            return None
        return self._stumbles(effect)

    def _stumbles(self, effect: Effect) -> Step | None:
        if self._happens(0.002, "AWS: throttled"):
            return Step(before=raises(throttled))
        if self._happens(0.002, "AWS: answer lost"):
            return Step(after=raises(timed_out))
        transaction = effect.name.startswith("dynamodb TransactWrite")
        if transaction and self._happens(0.02, "AWS: transaction conflict"):
            return Step(before=raises(conflicted))
        if effect.name.startswith("dynamodb Update") and self._happens(0.005, "AWS: asked twice"):
            return Step(again=True)
        return None

    def _weather(self) -> None:
        """Change what TikTok does wrong, now and then; people take their access back."""
        rules = [self._rule() for _ in range(self._dice.choice((0, 0, 0, 1, 2)))]
        self.simulation.tiktok.faults(*rules)
        for rule in rules:
            self.faults[f"TikTok: {rule['kind']} at {rule['endpoint']}"] += 1
        name = self._dice.choice(list(self.simulation.people))
        if self._happens(0.1, "token run out"):
            self.simulation.tiktok.expire(name, "access")
        person = self.simulation.people[name]
        if self.simulation.account_state(person) == "connected" and self._happens(
            0.03, "access taken back"
        ):
            self.simulation.tiktok.removes_access(name)
        if self.simulation.clock.now() < self.simulation.began_at + self._size.sending + timedelta(
            hours=12
        ):
            self.simulation.later(self._some_time(WEATHER), self._weather)
        else:
            self.simulation.tiktok.faults()

    def _rule(self) -> Mapping[str, Any]:
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
        # Each lost answer of a refresh costs a consent; there are enough of those.
        return "before" if where == "token" else self._dice.choice(("before", "after"))

    def _shows(self) -> None:
        if time.monotonic() - self._told_at < TELLS_SECONDS:
            return
        self._told_at = time.monotonic()
        found = [
            item
            for each in self.simulation.people.values()
            for item in self.simulation.performances(each)
        ]
        states = Counter(item["state"]["S"] for item in found)
        day = (self.simulation.clock.now() - self.simulation.began_at) / timedelta(days=1)
        told = ", ".join(f"{number} {state}" for state, number in states.most_common())
        self._tell(f"  day {day:4.1f}: {len(found)} performed: {told}")


DUPLICATES = ("completed drafts", "was uploaded", "its draft is there")
LOSSES = ("rests as", "nobody will look", "draft is not there", "still waiting", "never made")
POINTS = ("ledger", "balance", "marks")


def summary(soaked: Soaked) -> Iterator[str]:
    """Write what came of a soak."""
    size = soaked.size
    outcomes = ", ".join(f"{number} {word}" for word, number in soaked.outcomes.most_common())
    yield (
        f"{sum(soaked.outcomes.values())} performances by {size.members} members in "
        f"{soaked.took / timedelta(days=1):.0f} days of theirs, {soaked.seconds:.0f} s of ours; "
        f"seed {soaked.seed}"
    )
    yield f"ended as: {outcomes}"
    yield "faults: " + ", ".join(
        f"{number} {what}" for what, number in sorted(soaked.faults.items())
    )
    found: Sequence[tuple[str, Sequence[str]]] = (
        ("duplicates", soaked.wrong(*DUPLICATES)),
        ("losses", soaked.wrong(*LOSSES)),
        ("wrong points", soaked.wrong(*POINTS)),
    )
    counted = {each for _, wrong in found for each in wrong}
    rest = [each for each in soaked.verdict.wrong if each not in counted]
    yield ", ".join(f"{len(wrong)} {what}" for what, wrong in (*found, ("other", rest)))
    yield from (f"  WRONG: {each}" for each in soaked.verdict.wrong)
