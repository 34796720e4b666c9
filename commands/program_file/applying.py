"""Reads a program as it is, and makes the steps of a plan, each a write with its audit entry."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from secrets import token_urlsafe
from typing import cast

from chalicelib.composition import Container
from chalicelib.foundation import actors
from chalicelib.foundation.identity import Caller, Role
from chalicelib.foundation.logging import logger
from chalicelib.foundation.pages import Cursors, Page
from chalicelib.foundation.problems import Problem, ProblemCode
from chalicelib.programs.model import MemberStatus, Program, normalized_name
from chalicelib.programs.service import ProgramChanges
from chalicelib.rewards.service import RewardFieldChanges
from commands.program_file import plan
from commands.program_file.plan import State, Step

PAGE = 100
MAX_READ = 10_000
"""Archived rewards that are read, the youngest first; open ones are a hundred at most."""
AT_ONCE = 100
"""Members that one call adds to a channel at most."""


class Stopped(Exception):
    """A step could not be made; those before it are."""

    def __init__(self, step: Step, made: int, problem: Problem) -> None:
        self.step, self.made, self.problem = step, made, problem
        super().__init__(problem.detail)


class ProgramOnStack:
    """One program of a deployment, as an owner's command reads and writes it."""

    def __init__(self, container: Container, program_id: str) -> None:
        self._container = container
        self._program_id = program_id
        # No cursor leaves this process, so none needs the deployment's own secret.
        secret = token_urlsafe(32)
        container.cursors = Cursors(lambda: secret)

    def program(self) -> Program | None:
        """Return the program with its settings; None if there is none of this id."""
        return self._container.programs.program(self._program_id)

    def state(self, program: Program) -> State:
        """Read all that a file may name: queries that grow with members and archived things."""
        caller = _caller(program)
        container = self._container
        channels = _all(lambda cursor: container.channels.channels(caller, PAGE, cursor))
        campaigns = _all(lambda cursor: container.campaigns.campaigns(caller, PAGE, cursor))
        rewards = [
            each
            for archived in (False, True)
            for each in container.reward_store.rewards(
                program.program_id, archived=archived, count=MAX_READ
            )
        ]
        return State(
            program,
            [each.channel for each in channels],
            list(campaigns),
            list(container.programs.members(self._program_id)),
            rewards,
        )

    def apply(self, state: State, steps: tuple[Step, ...], told: Callable[[str], None]) -> None:
        """Make the steps of a plan that was made on this state, and tell each once it is made.

        Raises `Stopped` at the first that is refused: also where somebody else has changed since
        what it was planned on. Making the same plan anew goes on from there.
        """
        makes = _StepRunner(self._container, state)
        with _no_log_lines():
            for made, step in enumerate(steps):
                try:
                    makes.make(step)
                except Problem as problem:
                    raise Stopped(step, made, problem) from problem
                for words in step.words:
                    told(words)

    def check_quota(self, steps: tuple[Step, ...]) -> None:
        """Raise the problem `limit_reached` if the plan invites more people than may be."""
        invited = sum(isinstance(each, plan.Invite | plan.InviteAgain) for each in steps)
        self._container.programs.check_invitations(self._program_id, invited)


@contextmanager
def _no_log_lines() -> Iterator[None]:
    """Keep what services log for the functions' log from the person's screen, but for warnings."""
    level = logger.level
    logger.setLevel("WARNING")
    try:
        yield
    finally:
        logger.setLevel(level)


class _StepRunner:
    """Makes steps, and remembers the ids of what it makes: later steps name them."""

    def __init__(self, container: Container, state: State) -> None:
        self._container = container
        self._program = state.program
        self._caller = _caller(state.program)
        self._channel_ids = {
            normalized_name(each.name): each.channel_id
            for each in state.channels
            if not each.archived
        }
        self._member_ids = {each.email: each.member_id for each in state.members}

    def make(self, step: Step) -> None:
        match step:
            case plan.ChangeSettings() | plan.NameFulfillers():
                self._change_settings(step)
            case plan.CreateChannel() | plan.ChangeChannel():
                self._channel(step)
            case plan.CreateCampaign():
                self._container.campaigns.create(self._caller, step.name)
            case plan.ChangeCampaign():
                self._container.campaigns.change(
                    self._caller,
                    step.was.campaign_id,
                    name=step.name,
                    archived=step.archived,
                    expected=step.was,
                )
            case plan.CreateReward() | plan.ChangeReward():
                self._reward(step)
            case plan.AddToChannel() | plan.RemoveFromChannel():
                self._membership(step)
            case _:
                self._person(step)

    def _change_settings(self, step: "plan.ChangeSettings | plan.NameFulfillers") -> None:
        programs = self._container.programs
        if isinstance(step, plan.NameFulfillers):
            fulfillers = frozenset(self._member_ids[each] for each in step.emails)
            changes = ProgramChanges(fulfillers=fulfillers)
        else:
            changes = ProgramChanges(**step.changes)
        self._program = programs.change_program(self._caller, changes, expected=step.was)
        self._caller = _caller(self._program)

    def _channel(self, step: "plan.CreateChannel | plan.ChangeChannel") -> None:
        channels = self._container.channels
        if isinstance(step, plan.CreateChannel):
            made = channels.create(self._caller, step.name, step.kind).channel
        else:
            made = channels.change(
                self._caller,
                step.was.channel_id,
                name=step.name,
                archived=step.archived,
                expected=step.was,
            ).channel
        self._channel_ids[normalized_name(made.name)] = made.channel_id

    def _person(self, step: Step) -> None:
        programs, members = self._container.programs, self._container.members
        match step:
            case plan.Invite():
                member, new = programs.invite(self._program, step.email, step.role, step.name)
                if not new and (member.status is MemberStatus.REMOVED or member.role != step.role):
                    raise _changed(f"{member.email} is in the program already ({member.status}).")
                self._member_ids[step.email] = member.member_id
            case plan.InviteAgain():
                programs.reinvite_removed_as(step.was, step.role)
            case plan.ChangeRole():
                members.change_role(self._caller, step.was.member_id, step.role, expected=step.was)
            case plan.RemoveMember():
                members.remove(self._caller, step.was.member_id, expected=step.was)
            case _:
                raise TypeError(step)

    def _membership(self, step: "plan.AddToChannel | plan.RemoveFromChannel") -> None:
        channels = self._container.channels
        if isinstance(step, plan.RemoveFromChannel):
            channels.remove_member(self._caller, step.was.channel_id, step.member.member_id)
            return
        ids = [self._member_ids[each] for each in step.emails]
        for start in range(0, len(ids), AT_ONCE):
            channels.add_members(
                self._caller, self._channel_ids[step.channel], ids[start : start + AT_ONCE]
            )

    def _reward(self, step: "plan.CreateReward | plan.ChangeReward") -> None:
        rewards = self._container.rewards
        fields = dict(step.wanted if isinstance(step, plan.CreateReward) else step.changes)
        if step.channels is not None:
            fields["channel_ids"] = [self._channel_ids[each] for each in step.channels]
        wanted = cast("RewardFieldChanges", fields)
        if isinstance(step, plan.CreateReward):
            rewards.create(self._caller, **wanted)
        else:
            rewards.edit(self._caller, step.was.reward_id, step.was.version, **wanted)


def _changed(words: str) -> Problem:
    return Problem(ProblemCode.CHANGED_MEANWHILE, words)


def _caller(program: Program) -> Caller:
    """Return the command as a caller; what it makes is made by `command:apply`, by no member."""
    return Caller(
        program_id=program.program_id,
        member_id=actors.current(),
        role=Role.MANAGER,
        email="",
        name="",
        chosen_zone=program.time_zone,
    )


def _all[T](page_from: Callable[[str | None], Page[T]]) -> Iterator[T]:
    cursor: str | None = None
    while True:
        page = page_from(cursor)
        yield from page.items
        cursor = page.next_cursor
        if cursor is None:
            return
