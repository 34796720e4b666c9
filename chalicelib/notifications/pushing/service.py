"""Use cases of a member's push devices, and the queue of pushes about videos."""

import base64
from collections.abc import Callable, Collection, Sequence
from dataclasses import field
from datetime import datetime
from typing import TYPE_CHECKING

from chalicelib.foundation.addresses import AddressRefused, parse
from chalicelib.foundation.clock import Clock
from chalicelib.foundation.identity import Caller
from chalicelib.foundation.problems import Problem, ProblemCode, invalid_field, not_found
from chalicelib.foundation.settings import Network
from chalicelib.foundation.values import dataclass
from chalicelib.notifications.pushing.model import (
    MAX_DEVICES,
    Device,
    PushBox,
    device_id_of,
    with_device,
    with_video,
    without_device,
    without_video,
)
from chalicelib.notifications.pushing.store import PushStore

if TYPE_CHECKING:
    from chalicelib.notifications.pushing.vapid import VapidKey


@dataclass(frozen=True)
class Subscription:
    """A subscription from a browser's push manager; keys in base64url."""

    endpoint: str = field(repr=False)
    p256dh: str = field(repr=False)
    auth: str = field(repr=False)


@dataclass(frozen=True)
class PushOverview:
    """The key to subscribe with, and the browsers that are subscribed."""

    public_key: str
    devices: Sequence[Device]


class PushService:
    def __init__(
        self,
        store: PushStore,
        key: Callable[[], "VapidKey"],
        clock: Clock,
        own_hosts: Callable[[], Collection[str]],
        test_networks: Callable[[], Sequence[Network]],
    ) -> None:
        self._store = store
        self._key = key
        self._clock = clock
        self._own_hosts = own_hosts
        self._test_networks = test_networks

    def overview(self, caller: Caller) -> PushOverview:
        """Return the caller's browsers, the oldest first: one call."""
        return self._overview(self._store.box(caller.program_id, caller.member_id))

    def _overview(self, box: PushBox) -> PushOverview:
        # Those of a key that the stack had before take nothing any more.
        key = self._key()
        usable = [each for each in box.devices.values() if each.key_id == key.key_id]
        return PushOverview(key.public, sorted(usable, key=lambda each: each.added_at))

    def subscribe(
        self, caller: Caller, subscription: Subscription, label: str, language: str
    ) -> PushOverview:
        """Add a browser of the caller's; again takes over what is new of it.

        A browser is one member's: it is taken from whoever had it. Raises the problems
        `invalid_request` and `limit_reached`.
        """
        p256dh, auth = self._checked_keys(subscription)
        device = Device(
            device_id=device_id_of(subscription.endpoint),
            endpoint=subscription.endpoint,
            p256dh=p256dh,
            auth=auth,
            key_id=self._key().key_id,
            label=label,
            language=language,
            added_at=self._clock.now(),
        )
        owner = caller.owner

        def add(box: PushBox) -> PushBox:
            added = with_device(_without_outdated_devices(box, device.key_id), device)
            if added is None:
                raise Problem(
                    ProblemCode.LIMIT_REACHED,
                    f"You have {MAX_DEVICES} devices with notifications. Switch one off first.",
                    members={"quota": "devices", "limit": MAX_DEVICES},
                )
            return added

        before = self._store.holder(device.device_id)
        box = self._store.change(caller.program_id, caller.member_id, add)
        if before != owner:
            self._store.set_device_owner(device.device_id, owner)
            self._remove_from_owner(before, device.device_id)
            # Of two who subscribe one browser at once, the later has it.
            if self._store.holder(device.device_id) != owner:
                box = self._without_device(owner, device.device_id)
        return self._overview(box)

    def _remove_from_owner(self, owner: str | None, device_id: str) -> None:
        if owner:
            self._without_device(owner, device_id)

    def _without_device(self, owner: str, device_id: str) -> PushBox:
        program_id, _, member_id = owner.partition("/")
        return self._store.change(program_id, member_id, lambda box: without_device(box, device_id))

    def _checked_keys(self, subscription: Subscription) -> tuple[bytes, bytes]:
        try:
            parse(subscription.endpoint, self._own_hosts(), self._test_networks())
        except AddressRefused as refused:
            raise invalid_field("endpoint", refused.code, refused.words) from refused
        # Not at the start of what notes events, which never needs it.
        from chalicelib.notifications.pushing.encryption import AUTH_BYTES, receiver_key

        p256dh, auth = _decode_base64url(subscription.p256dh), _decode_base64url(subscription.auth)
        try:
            receiver_key(p256dh)
        except ValueError as error:
            words = "This is no public key of a browser."
            raise invalid_field("p256dh", "not_a_key", words) from error
        if len(auth) != AUTH_BYTES:
            words = f"The secret has {AUTH_BYTES} bytes, in base64url."
            raise invalid_field("auth", "not_a_key", words)
        return p256dh, auth

    def unsubscribe(self, caller: Caller, device_id: str) -> None:
        """Forget one of the caller's browsers. Raises the problem `not_found`."""
        if device_id not in self._store.box(caller.program_id, caller.member_id).devices:
            raise not_found("device")
        self._without_device(caller.owner, device_id)
        self._store.remove_device_owner(device_id, caller.owner)

    def unsubscribe_all(self, caller: Caller) -> None:
        """Forget all of the caller's browsers, as before signing out everywhere."""
        self.forget_member(caller.program_id, caller.member_id)

    def forget_member(self, program_id: str, member_id: str) -> None:
        """Forget the browsers of a member who left; again changes nothing."""
        box = self._store.box(program_id, member_id)
        for each in box.devices:
            self._store.remove_device_owner(each, box.owner)
        if box.version:
            self._store.remove(program_id, member_id)

    # --- what happened

    def queue_video_push(
        self, program_id: str, member_id: str, performance_id: str, since: datetime
    ) -> bool:
        """Queue pushes about a video to a member's browsers; return whether there are any."""
        now = self._clock.now()
        box = self._store.change(
            program_id, member_id, lambda box: with_video(box, performance_id, since, now)
        )
        return bool(box.devices)

    def cancel_video_push(
        self, program_id: str, member_id: str, performance_id: str, since: datetime
    ) -> None:
        """Cancel pushes about a video that was posted, or is not there."""
        now = self._clock.now()
        self._store.change(
            program_id, member_id, lambda box: without_video(box, performance_id, since, now)
        )


def _without_outdated_devices(box: PushBox, key_id: str) -> PushBox:
    """Leave out browsers that subscribed with a key that the stack had before."""
    for each in [each for each in box.devices.values() if each.key_id != key_id]:
        box = without_device(box, each.device_id)
    return box


def _decode_base64url(text: str) -> bytes:
    """Read base64url, with or without padding; what is none is empty."""
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except ValueError:
        return b""
