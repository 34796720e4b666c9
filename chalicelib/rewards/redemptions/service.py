"""Use cases of redemptions: redeem, fulfil, reject; and the lists of both sides."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from chalicelib.audit.model import Kind, act
from chalicelib.foundation.clock import Clock
from chalicelib.foundation.conflicts import retry_conflicts
from chalicelib.foundation.identity import Caller
from chalicelib.foundation.ids import new_id
from chalicelib.foundation.logging import logger
from chalicelib.foundation.pages import Cursors, Page
from chalicelib.foundation.personal import ERASED_NAME
from chalicelib.foundation.problems import Problem, ProblemCode, not_found
from chalicelib.foundation.table import Conflict, Contended, Part
from chalicelib.points.model import BalanceTooLow, points_phrase
from chalicelib.points.problems import PointProblem
from chalicelib.points.service import PointService
from chalicelib.rewards.model import (
    MemberLimitReached,
    OutOfStock,
    Redemption,
    RedemptionStatus,
    Reward,
    RewardStatus,
)
from chalicelib.rewards.problems import RewardProblem
from chalicelib.rewards.service import Programs, RewardsSwitch, status_for
from chalicelib.rewards.store import PagePosition, RewardStore

REDEEM_ATTEMPTS = 10
"""Attempts to write a redemption while others write to the same stock."""


class RedemptionService:
    def __init__(
        self,
        *,
        store: RewardStore,
        programs: Programs,
        points: PointService,
        cursors: Cursors,
        clock: Clock,
    ) -> None:
        self._store = store
        self._programs = programs
        self._switch = RewardsSwitch(programs)
        self._points = points
        self._cursors = cursors
        self._clock = clock

    def redeem(
        self, caller: Caller, reward_id: str, price: int, made_id: str | None = None
    ) -> Redemption:
        """Redeem a reward at the price that the caller saw: points, piece and limit in one.

        Raises problems: `not_found` (also for what is not addressed to the caller),
        `reward_not_on_offer`, `reward_sold_out`, `reward_limit_reached`, `balance_too_low`,
        `reward_changed` (with the `price` it has now), `changed_meanwhile`.
        """
        try:
            return self._redeem(caller, reward_id, price, made_id)
        except Problem:
            made = self._find_made_before(caller, reward_id, made_id)
            if made is None:
                raise
            return made

    def _find_made_before(
        self, caller: Caller, reward_id: str, made_id: str | None
    ) -> Redemption | None:
        """Find what a request made whose answer was lost: that is the answer to its retry."""
        if made_id is None:
            return None
        made = self._store.redemption(caller.program_id, f"rdm_{made_id}")
        return made if made and (made.owner, made.reward_id) == (caller.owner, reward_id) else None

    @retry_conflicts("The reward keeps changing. Try again.")
    def _redeem(
        self, caller: Caller, reward_id: str, price: int, made_id: str | None
    ) -> Redemption:
        now = self._clock.now()
        beside = self._programs.program_read_unless_cached(caller.program_id)
        reward = self._store.get(caller.program_id, reward_id, beside)
        self._switch.require_on(caller.program_id)
        reward = _redeemable(reward, caller, price, now)
        redemption = Redemption(
            program_id=caller.program_id,
            redemption_id=f"rdm_{made_id}" if made_id else new_id("rdm", now),
            member_id=caller.member_id,
            member_name=caller.name,
            reward_id=reward_id,
            title=reward.title,
            price=reward.price,
            status=RedemptionStatus.REQUESTED,
            requested_at=now,
            stock_id=reward.stock_id,
        )
        parts = self._store.add_redemption(redemption, reward)
        parts += self._points.spend(
            caller.owner, reward.price, redemption.redemption_id, reward.title
        )
        try:
            self._store.commit(parts, attempts=REDEEM_ATTEMPTS)
        except OutOfStock as error:
            raise Conflict from error  # or edited: it is looked at again
        except MemberLimitReached as error:
            raise _limit_reached(reward) from error
        except BalanceTooLow as error:
            balance = self._points.totals(caller.owner).balance
            if balance >= reward.price:
                raise Conflict from error  # points came meanwhile
            raise _balance_too_low(balance, reward.price) from error
        except Contended as error:
            raise Problem(
                ProblemCode.CHANGED_MEANWHILE,
                "Many members are redeeming this right now. Try again in a moment.",
            ) from error
        logger.info(
            "redeemed",
            extra={"reward_id": reward_id, "redemption_id": redemption.redemption_id},
        )
        return redemption

    def fulfil(
        self, caller: Caller, redemption_id: str, *, note: str | None, code: str | None
    ) -> Redemption:
        """Fulfil a request, with words or a code for its member; again with the same is no more.

        Also where rewards are off: what was asked for can be closed. Of an erased member no words
        are kept. Raises problems `not_found`, `redemption_decided`, `changed_meanwhile`.
        """

        def fulfilled(was: Redemption) -> Redemption:
            return replace(was, status=RedemptionStatus.FULFILLED, note=note, code=code)

        return self._decide(caller, redemption_id, fulfilled, lambda *_: [])

    def reject(self, caller: Caller, redemption_id: str, reason: str) -> Redemption:
        """Reject a request for a reason: its points and piece go back, once.

        It does not matter what became of the reward or the member; of an erased one no reason is
        kept. Raises problems as `fulfil` does.
        """

        def rejected(was: Redemption) -> Redemption:
            return replace(was, status=RedemptionStatus.REJECTED, reason=reason)

        def refund(was: Redemption, becomes: Redemption) -> list[Part]:
            reward = self._store.get(was.program_id, was.reward_id)
            back = self._points.refund(
                was.owner, was.price, was.redemption_id, about=was.title, reason=becomes.reason
            )
            return [*self._store.return_to_stock(was, reward), *back]

        return self._decide(caller, redemption_id, rejected, refund)

    @retry_conflicts("The request keeps changing. Try again.")
    def _decide(
        self,
        caller: Caller,
        redemption_id: str,
        decided: Callable[[Redemption], Redemption],
        also: Callable[[Redemption, Redemption], list[Part]],
    ) -> Redemption:
        was = self._store.redemption(caller.program_id, redemption_id)
        if was is None:
            raise not_found("redemption")
        becomes = decided(was)
        if was.member_name == ERASED_NAME:
            # Nobody is left to read them, and no round of the erasure would find them any more.
            becomes = becomes.without_words
        if was.status is not RedemptionStatus.REQUESTED:
            if becomes == was:
                return was  # the same again: its answer was lost
            raise Problem(
                RewardProblem.REDEMPTION_DECIDED,
                f"This request is already {was.status.value}.",
                members={"status_now": was.status.value},
            )
        becomes = replace(becomes, decided_at=self._clock.now(), decided_by=caller.member_id)
        fulfilled = becomes.status is RedemptionStatus.FULFILLED
        told = act(
            Kind.REDEMPTION_FULFILLED if fulfilled else Kind.REDEMPTION_REJECTED,
            was.program_id,
            redemption_id,
            {"status": was.status},
            {"status": becomes.status, "member": was.member_id, "reward": was.reward_id},
            title=was.title,
        )
        self._store.commit([self._store.decide(was, becomes), *also(was, becomes), told])
        logger.info(
            "redemption decided",
            extra={"redemption_id": redemption_id, "status": becomes.status.value},
        )
        return becomes

    def own(self, caller: Caller, limit: int, cursor: str | None) -> Page[Redemption]:
        """List the caller's own redemptions, newest first."""
        self._switch.require_on(caller.program_id)
        return self._cursors.page(
            caller.program_id,
            f"redemptions/{caller.member_id}",
            cursor,
            limit,
            fetch=lambda at, count: self._store.of_member(caller.owner, at.get("before"), count),
            position_of=lambda last: {"before": last.redemption_id},
        )

    def queue(
        self, caller: Caller, status: RedemptionStatus, limit: int, cursor: str | None
    ) -> Page[Redemption]:
        """List the program's redemptions of a status; of those that wait the longest first.

        Also where rewards are off.
        """

        def fetch(at: dict[str, Any], count: int) -> Sequence[Redemption]:
            after = PagePosition(datetime.fromisoformat(at["since"]), at["id"]) if at else None
            return self._store.in_status(caller.program_id, status, after, count)

        return self._cursors.page(
            caller.program_id,
            f"redemptions/{status.value}",
            cursor,
            limit,
            fetch=fetch,
            position_of=lambda last: {
                "since": (last.decided_at or last.requested_at).isoformat(),
                "id": last.redemption_id,
            },
        )


def _redeemable(reward: Reward | None, caller: Caller, price: int, now: datetime) -> Reward:
    """Return a reward that the caller may redeem at this price; raise the problem if not."""
    status = status_for(reward, caller, now) if reward else None
    if reward is None or status is None:
        raise not_found("reward")
    if status is RewardStatus.SOLD_OUT:
        raise Problem(RewardProblem.REWARD_SOLD_OUT, f"The last piece of {reward.title} is gone.")
    if status is not RewardStatus.ON_OFFER:
        raise Problem(
            RewardProblem.REWARD_NOT_ON_OFFER,
            "It is not on offer yet."
            if status is RewardStatus.SCHEDULED
            else "It is not on offer any more.",
        )
    if price != reward.price:
        raise Problem(
            RewardProblem.REWARD_CHANGED,
            f"It costs {points_phrase(reward.price)} now, not {price:,}. Look at it again.",
            members={"price": reward.price},
        )
    return reward


def _limit_reached(reward: Reward) -> Problem:
    return Problem(
        RewardProblem.REWARD_LIMIT_REACHED,
        f"A member gets {reward.per_member} of this at most, and you have them.",
        members={"limit": reward.per_member},
    )


def _balance_too_low(balance: int, price: int) -> Problem:
    return Problem(
        PointProblem.BALANCE_TOO_LOW,
        f"You have {points_phrase(balance)} and need {price - balance:,} more.",
        members={"balance": balance, "price": price},
    )
