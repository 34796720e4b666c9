"""Moves shares on without the app: they arrive, are posted, or lose their consent."""

import json
import secrets

from local.tiktok_sandbox.state import IN_INBOX, POSTED, PROCESSING, Share, Store
from local.tiktok_sandbox.webhooks import Webhooks

PERSON_DISCONNECTED = 1
APP_REVOKED = 5
PUBLISH_TYPE = "INBOX_SHARE"


class Drafts:
    """Moves shares on and tells the app by webhook."""

    def __init__(self, store: Store, webhooks: Webhooks) -> None:
        self._store = store
        self._webhooks = webhooks

    def settle(self) -> None:
        """Put shares that finished processing into the inbox, or fail them."""
        for share in self._store.shares_due():
            if share.fate is not None:
                self._fail(share, share.fate)
            else:
                self._store.note_staged(share)
                self._tell("post.publish.inbox_delivered", share)

    def post(self, share: Share, *, public: bool) -> bool:
        """The person posts the draft (again); False if it is not in the inbox."""
        if share.status not in {IN_INBOX, POSTED}:
            return False
        post_ids: list[int] = json.loads(share.post_ids)
        post_id = secrets.randbelow(9 * 10**18) + 10**17
        if public:
            post_ids.append(post_id)
        self._store.note_posted(share, post_ids)
        self._tell("post.publish.complete", share)
        if public:
            self._tell("post.publish.publicly_available", share, post_id=post_id)
        return True

    def hide(self, share: Share) -> bool:
        """The person takes the public posts back; False if there are none."""
        post_ids: list[int] = json.loads(share.post_ids)
        if not post_ids:
            return False
        self._store.note_posted(share, [])
        for post_id in post_ids:
            self._tell("post.publish.no_longer_publicaly_available", share, post_id=post_id)
        return True

    def remove_access(self, name: str, reason: int) -> bool:
        """Consent ends: tokens are dead, what was on its way fails; False if there was none."""
        person = self._store.person(name)
        if person is None or not self._store.forget_consent(name):
            return False
        self._webhooks.announce("authorization.removed", person, {"reason": reason})
        for share in self._store.shares_of(name):
            if share.status == PROCESSING and share.client_key == self._store.app.client_key:
                self._fail(share, "auth_removed")
        return True

    def _fail(self, share: Share, reason: str) -> None:
        self._store.note_failed(share, reason)
        self._tell("post.publish.failed", share, reason=reason)

    def _tell(self, event: str, share: Share, **more: object) -> None:
        person = self._store.person(share.person)
        if person is not None:
            content = {"publish_id": share.publish_id, "publish_type": PUBLISH_TYPE, **more}
            self._webhooks.announce(event, person, content, share.publish_id)
