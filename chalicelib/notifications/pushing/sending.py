"""Pushes that are due, sent by turns of the programs: noted first, then sent, once at most.

Before a push leaves, its member's box says so. A worker that dies in between has sent it or not,
and it is not sent again: the reminder of the next day, and the app, tell all the same. A push
that surely did not reach the push service is tried again. docs/decisions/0030 weighs this.

Requests run beside each other, because a push service that hangs keeps its thread until the time
limit; of one program's there are never more than half of what runs at once.
"""

import hashlib
import json
from collections import Counter, deque
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import field, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Protocol

from chalicelib.foundation.clock import Clock
from chalicelib.foundation.logging import logger
from chalicelib.foundation.outcomes import DeliveryResult
from chalicelib.foundation.sweeps import IsLate, no_time_limit
from chalicelib.foundation.values import dataclass
from chalicelib.notifications.model import NoticeBox, video_notice_id, without_mail_of_video
from chalicelib.notifications.pushing.model import (
    PUSH_WINDOW,
    Device,
    DuePush,
    PushBox,
    PushStep,
    PushVerdict,
    due_pushes,
    push_verdict,
    with_outcome,
    with_pushes_claimed,
    without_device,
    without_video,
)
from chalicelib.notifications.pushing.push_words import push_title, toggles_line, words
from chalicelib.notifications.pushing.store import PushStore
from chalicelib.notifications.store import NoticeStore
from chalicelib.performances.model import Performance, State
from chalicelib.programs.model import MemberStatus
from chalicelib.programs.service import ProgramService

if TYPE_CHECKING:
    from chalicelib.notifications.pushing.vapid import VapidKey

MAX_CONCURRENT = 16
MAX_CONCURRENT_OF_PROGRAM = MAX_CONCURRENT // 2
MAX_HELD = 1000
"""Maximum members a run holds back while their program's share is under way."""

TOTAL_SECONDS = 4.0
"""For one push: push services answer within a fraction of a second."""

MAX_CAPTION = 600
"""Letters of a caption in a push: more than any phone shows; the app has all of it to copy."""

_TOPIC_LENGTH = 32  # RFC 8030, 5.4


class PushTransport(Protocol):
    """Sends bodies; `chalicelib.foundation.outgoing` does."""

    def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> DeliveryResult: ...


class Performances(Protocol):
    """Reads performances, as far as pushes need them."""

    def get(self, owner: str, performance_id: str) -> Performance | None: ...


@dataclass(frozen=True)
class Push:
    """A push that was noted, ready to be sent."""

    box: PushBox
    due: DuePush
    device: Device
    text: bytes = field(repr=False)


class PushSender:
    def __init__(
        self,
        *,
        store: PushStore,
        notices: NoticeStore,
        programs: ProgramService,
        performances: Callable[[], Performances],
        key: "Callable[[], VapidKey]",
        sender: Callable[[], PushTransport],
        clock: Clock,
    ) -> None:
        """`performances`, `key` and `sender` are called when a push is due."""
        self._store = store
        self._notices = notices
        self._programs = programs
        self._performances = performances
        self._key = key
        self._sender = sender
        self._clock = clock

    def push_due(self, is_late: IsLate = no_time_limit) -> int:
        """Send what is due, each program's in turn; return how many push services took.

        One member that breaks keeps no other from their pushes: it is raised in the end.
        """
        run = _PushRun(self, is_late)
        with ThreadPoolExecutor(MAX_CONCURRENT) as threads:
            taken = run.run(threads, self._store.due_members(self._clock.now()))
        if run.failure:
            raise run.failure
        return taken

    # --- before it leaves

    def claim(self, program_id: str, member_id: str) -> list[Push]:
        """Note what a member is sent now, and return it; nothing if another worker is at it."""
        now = self._clock.now()
        owner = f"{program_id}/{member_id}"
        box, notices, member = self._store.read_together(
            [
                self._store.read_of_push_box(owner),
                self._notices.read_of_notice_box(owner),
                self._programs.read_of_member(program_id, member_id),
            ]
        )
        if box is None:
            return []
        if member is None or member.status is not MemberStatus.ACTIVE:
            for each in box.devices:
                self._store.remove_device_owner(each, owner)
            self._store.remove(program_id, member_id)
            return []
        becomes = self._without_outdated_devices(box)
        performances: dict[str, Performance] = {}
        for video_id in {each.performance_id for each in due_pushes(becomes, now)}:
            found = self._performances().get(owner, video_id)
            if found is None or found.state is not State.STAGED:
                # Posted meanwhile, whatever the events say by now.
                since = becomes.videos[video_id].since
                becomes = without_video(becomes, video_id, since, now)
            else:
                performances[video_id] = found
        ready = due_pushes(becomes, now)
        unseen = tuple(each for each in ready if not _is_notice_seen(each, notices))
        noted = with_pushes_claimed(becomes, ready)
        # Written even if nothing is sent: so it is due no more, or later.
        written = self._store.put(box, noted)
        if written is None:
            return []
        return [
            Push(
                written,
                each,
                device,
                self._push_payload(performances[each.performance_id], each, device),
            )
            for each in unseen
            for device in [written.devices[each.device_id]]
        ]

    def _without_outdated_devices(self, box: PushBox) -> PushBox:
        """Leave out browsers that would refuse, for they subscribed with another key."""
        for each in [each for each in box.devices.values() if each.key_id != self._key().key_id]:
            box = without_device(box, each.device_id)
        return box

    @staticmethod
    def _push_payload(performance: Performance, sent: DuePush, device: Device) -> bytes:
        """Return the payload for the service worker, within the size of a push."""
        from chalicelib.notifications.pushing.encryption import MAX_TEXT_BYTES

        language, text, asked = device.language, performance.text, performance.asked
        caption = replace(text, disclosure=None).whole or ""
        room = MAX_CAPTION
        while True:
            shown = caption if len(caption) <= room else f"{caption[:room].rstrip()}\u2026"
            lines = [
                words(language, "caption", caption=shown) if shown else "",
                words(language, "disclosure", disclosure=text.disclosure)
                if text.disclosure
                else "",
                toggles_line(language, asked.toggles if asked else ()),
                words(language, "finish"),
            ]
            message = {
                "title": push_title(language, sent.step),
                "body": "\n".join(each for each in lines if each),
                "tag": performance.performance_id,
                "url": f"/history?performance={performance.performance_id}",
                "lang": language,
                "tiktok": words(language, "tiktok"),
                "copy": words(language, "copy") if caption else "",
            }
            written = json.dumps(message, ensure_ascii=False).encode()
            if len(written) <= MAX_TEXT_BYTES or not room:
                return written
            room //= 2

    # --- on its way

    def send(self, push: Push) -> DeliveryResult:
        """Encrypt, sign and send a push; called in a thread of its own."""
        from chalicelib.notifications.pushing.encryption import encrypt

        device = push.device
        return self._sender().post(
            device.endpoint,
            encrypt(push.text, device.p256dh, device.auth),
            {
                "Authorization": self._key().authorization(device.endpoint),
                "Content-Encoding": "aes128gcm",
                "Content-Type": "application/octet-stream",
                "TTL": str(PUSH_WINDOW // timedelta(seconds=1)),
                "Urgency": "high" if push.due.step is PushStep.ARRIVED else "normal",
                # The reminder takes the place of what a sleeping phone has not fetched yet.
                "Topic": push_topic(push.due.performance_id),
            },
        )

    # --- and after

    def record_outcome(self, push: Push, outcome: DeliveryResult) -> bool:
        """Keep what became of a push; return whether the push service took it."""
        box, now = push.box, self._clock.now()
        told = push_verdict(outcome)
        logger.info(
            "push",
            extra={
                "program_id": box.program_id,
                "member_id": box.member_id,
                "step": push.due.step.value,
                "verdict": told.value,
                "status": outcome.status,
                "error": outcome.error,
                "milliseconds": outcome.milliseconds,
            },
        )
        after = with_outcome(box, push.due, outcome, now)
        if after != box:
            # Of what others wrote meanwhile nothing is lost: the rule is applied to it.
            becomes = self._store.change(
                box.program_id,
                box.member_id,
                lambda found: with_outcome(found, push.due, outcome, now),
            )
            if push.device.device_id not in becomes.devices:
                self._store.remove_device_owner(push.device.device_id, box.owner)
        if told is not PushVerdict.TAKEN:
            return False
        if push.due.step is PushStep.REMINDER:
            self._notices.change_box(
                box.program_id,
                box.member_id,
                lambda found: without_mail_of_video(found, push.due.performance_id),
            )
        return True


class _PushRun:
    """One run: keeps the threads busy, and lets no program have more than its share of them."""

    def __init__(self, pusher: PushSender, is_late: IsLate) -> None:
        self._pusher = pusher
        self._is_late = is_late
        self._running: dict[Future[DeliveryResult], Push] = {}
        self._of_program: Counter[str] = Counter()
        self._held: deque[tuple[str, str]] = deque()
        self._taken = 0
        self.failure: Exception | None = None

    def run(self, threads: ThreadPoolExecutor, members: Iterator[tuple[str, str]]) -> int:
        for program_id, member_id in members:
            if self._is_late():
                break
            self._start_held(threads)
            if self._of_program[program_id] >= MAX_CONCURRENT_OF_PROGRAM:
                if len(self._held) < MAX_HELD:
                    self._held.append((program_id, member_id))
                continue
            self._start_pushes(threads, program_id, member_id)
        while self._running or (self._held and not self._is_late()):
            if self._running:
                self._await_results()
            self._start_held(threads)
        return self._taken

    def _start_held(self, threads: ThreadPoolExecutor) -> None:
        for _ in range(len(self._held)):
            if self._is_late():
                return
            program_id, member_id = self._held.popleft()
            if self._of_program[program_id] >= MAX_CONCURRENT_OF_PROGRAM:
                self._held.append((program_id, member_id))
            else:
                self._start_pushes(threads, program_id, member_id)

    def _start_pushes(self, threads: ThreadPoolExecutor, program_id: str, member_id: str) -> None:
        try:
            pushes = self._pusher.claim(program_id, member_id)
        except Exception as error:  # noqa: BLE001  raised by the caller, once others had their turn
            logger.exception("push broke", extra={"member_id": member_id})
            self.failure = self.failure or error
            return
        for each in pushes:
            while len(self._running) >= MAX_CONCURRENT:
                self._await_results()
            self._running[threads.submit(self._pusher.send, each)] = each
            self._of_program[program_id] += 1

    def _await_results(self) -> None:
        done, _ = wait(self._running, return_when=FIRST_COMPLETED)
        for each in done:
            push = self._running.pop(each)
            self._of_program[push.box.program_id] -= 1
            try:
                self._taken += self._pusher.record_outcome(push, each.result())
            except Exception as error:  # noqa: BLE001  likewise
                logger.exception("push broke", extra={"member_id": push.box.member_id})
                self.failure = self.failure or error


def push_topic(performance_id: str) -> str:
    """Return the topic of a video's pushes: of one, a push service keeps the latest."""
    return hashlib.sha256(performance_id.encode()).hexdigest()[:_TOPIC_LENGTH]


def _is_notice_seen(each: DuePush, notices: NoticeBox | None) -> bool:
    """Return whether the member saw the notice in the app, which makes a reminder needless."""
    notice = notices.notices.get(video_notice_id(each.performance_id)) if notices else None
    return each.step is PushStep.REMINDER and notice is not None and (notice.read or notice.mailed)
