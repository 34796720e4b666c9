"""Marks open requests whose member was removed from the program.

So a page of requests is one query: who decides them sees it without a read of each member.
"""

from dataclasses import replace
from typing import Protocol

from chalicelib.foundation.table import Conflict
from chalicelib.programs.model import Member, MemberStatus, owner_key
from chalicelib.rewards.model import RedemptionStatus
from chalicelib.rewards.store import RewardStore

ATTEMPTS = 5


class Members(Protocol):
    """Reads members, never behind."""

    def member(self, program_id: str, member_id: str) -> Member | None: ...


class Requesters:
    def __init__(self, store: RewardStore, members: Members) -> None:
        self._store = store
        self._members = members

    def refresh(self, program_id: str, member_id: str) -> None:
        """Note with a member's open requests whether they are removed, as the tables say now.

        A query; with open requests two reads of the member, and a write for each that says
        otherwise. The member is looked at again after that: of two workers at it the later one is
        right. Raises `Conflict` if that keeps changing.
        """
        found = self._store.all_of(owner_key(program_id, member_id))
        waiting = [each for each in found if each.status is RedemptionStatus.REQUESTED]
        if not waiting:
            return
        removed = self._is_removed(program_id, member_id)
        for _ in range(ATTEMPTS):
            for each in waiting:
                if each.member_removed is not removed:
                    self._store.mark_member_removed(each, removed=removed)
            waiting = [replace(each, member_removed=removed) for each in waiting]
            was, removed = removed, self._is_removed(program_id, member_id)
            if was is removed:
                return
        raise Conflict

    def refresh_if_removed(self, program_id: str, member_id: str) -> None:
        """Refresh after a request was made: its member may have been removed at that moment."""
        if self._is_removed(program_id, member_id):
            self.refresh(program_id, member_id)

    def _is_removed(self, program_id: str, member_id: str) -> bool:
        member = self._members.member(program_id, member_id)
        return member is None or member.status is MemberStatus.REMOVED
