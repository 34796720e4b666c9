"""Writes the file of a program that exists."""

import json
from collections.abc import Iterable, Iterator, Mapping
from enum import Enum

from chalicelib.foundation.identity import Role
from chalicelib.programs.model import Member, MemberStatus, local_time
from chalicelib.rewards.model import Reward, RewardState
from commands.program_file.content import UNLIMITED
from commands.program_file.plan import SETTINGS, State

type Value = str | int | bool | Enum | list[str] | None


def written(state: State) -> str:
    """Return the file of a program: applied to it, the file changes nothing.

    Leaves out archived things, removed members and pictures of rewards.
    """
    return "\n".join(_lines(state)) + "\n"


def _lines(state: State) -> Iterator[str]:
    program = state.program
    channels = {each.channel_id: each.name for each in state.channels if not each.archived}
    members = [each for each in state.members if each.status is not MemberStatus.REMOVED]
    yield "# docs/program-as-code.md says what each key means."
    yield from _pairs({"program_id": program.program_id})
    fulfillers = sorted(each.email for each in members if each.member_id in program.fulfillers)
    settings: dict[str, Value] = {name: getattr(program, name) for name in SETTINGS}
    yield from _table("[settings]", settings | {"fulfillers": fulfillers})
    for channel in sorted(state.channels, key=lambda each: each.channel_id):
        if not channel.archived:
            yield from _table("[[channels]]", {"name": channel.name, "kind": channel.kind})
    for campaign in sorted(state.campaigns, key=lambda each: each.campaign_id):
        if not campaign.archived:
            yield from _table("[[campaigns]]", {"name": campaign.name})
    for member in sorted(members, key=lambda each: each.member_id):
        yield from _table("[[roster]]", _person(member, channels))
    for reward in sorted(state.rewards, key=lambda each: each.reward_id):
        if reward.state is not RewardState.ARCHIVED:
            yield from _table("[[rewards]]", _reward(reward, channels, program.time_zone))


def _person(member: Member, channels: Mapping[str, str]) -> dict[str, Value]:
    return {
        "email": member.email,
        "name": member.name,
        "role": member.role if member.role is not Role.MEMBER else None,
        "channels": _names(member.channels, channels) or None,
    }


def _reward(reward: Reward, channels: Mapping[str, str], zone: str) -> dict[str, Value]:
    times = {
        name: f"{local_time(instant, zone).isoformat()}" if instant else None
        for name, instant in (("starts_at", reward.starts_at), ("ends_at", reward.ends_at))
    }
    addressed = _names(reward.channel_ids, channels)
    return {
        "title": reward.title,
        "description": reward.description or None,
        "price": reward.price,
        "stock": UNLIMITED if reward.stock is None else reward.stock,
        "per_member": UNLIMITED if reward.per_member is None else reward.per_member,
        # A channel that is archived since cannot be named, so that nothing is said of the others.
        "channels": addressed if len(addressed) == len(reward.channel_ids) else None,
        "state": reward.state,
        **times,
    }


def _names(ids: Iterable[str], channels: Mapping[str, str]) -> list[str]:
    return sorted(channels[each] for each in ids if each in channels)


def _table(header: str, values: Mapping[str, Value]) -> Iterator[str]:
    yield ""
    yield header
    yield from _pairs(values)


def _pairs(values: Mapping[str, Value]) -> Iterator[str]:
    for name, value in values.items():
        if value is not None:
            yield f"{name} = {_toml(value)}"


def _toml(value: str | int | bool | Enum | list[str]) -> str:
    match value:
        case Enum():
            return _toml(value.value)
        case list():
            return f"[{', '.join(map(_toml, value))}]"
        case str():
            # A text of JSON is one of TOML, once what TOML wants escaped besides is.
            return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    return json.dumps(value)
