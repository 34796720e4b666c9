"""Consents under way, in the accounts table."""

from datetime import UTC, datetime

from pynamodb.attributes import (
    BooleanAttribute,
    NumberAttribute,
    UnicodeAttribute,
    UTCDateTimeAttribute,
)
from pynamodb.exceptions import DoesNotExist
from pynamodb.expressions.update import Action

from chalicelib.foundation.table import Model, Put, Store, Update
from chalicelib.programs.model import DisclosureTick, MembershipHolder
from chalicelib.tiktok.model import Consent, ConsentWindow
from chalicelib.tiktok.store import member_key

_CONSENT_KEY = "consent"
_CONSENT_COUNT_KEY = "consents"


class ConsentItem(Model):
    class Meta:
        table_name = "accounts"

    key = UnicodeAttribute(hash_key=True)
    item = UnicodeAttribute(range_key=True)
    program_id = UnicodeAttribute()
    member_id = UnicodeAttribute()
    subject = UnicodeAttribute()
    invited_at = UTCDateTimeAttribute()
    nonce_hash = UnicodeAttribute()
    pkce = BooleanAttribute()
    activity_id = UnicodeAttribute(null=True)
    correlation_id = UnicodeAttribute()
    disclosure_version = UnicodeAttribute(null=True)
    disclosure_language = UnicodeAttribute(null=True)
    disclosure_ticked_at = UTCDateTimeAttribute(null=True)
    views = BooleanAttribute(null=True)
    expires_at = NumberAttribute()

    def to_consent(self) -> Consent:
        return Consent(
            program_id=self.program_id,
            member_id=self.member_id,
            holder=MembershipHolder(self.subject, self.invited_at),
            nonce_hash=self.nonce_hash,
            pkce=self.pkce,
            activity_id=self.activity_id,
            correlation_id=self.correlation_id,
            expires_at=datetime.fromtimestamp(int(self.expires_at), UTC),
            disclosed=DisclosureTick(
                self.disclosure_version, self.disclosure_language, self.disclosure_ticked_at
            )
            if self.disclosure_version and self.disclosure_language and self.disclosure_ticked_at
            else None,
            views=bool(self.views),
        )


class ConsentCountItem(Model):
    """The number of consents that a member began in one window."""

    class Meta:
        table_name = "accounts"

    key = UnicodeAttribute(hash_key=True)
    item = UnicodeAttribute(range_key=True)
    begun = NumberAttribute()
    expires_at = NumberAttribute()


class TooManyConsents(Exception):
    """The member has begun as many consents in this window as they may."""


class ConsentStore(Store):
    MODELS = (ConsentItem, ConsentCountItem)

    def add_consent(
        self, state_hash: str, consent: Consent, window: ConsentWindow, most: int
    ) -> None:
        """Store a consent and count it, or raise `TooManyConsents`: one transaction."""
        item = ConsentItem(
            _consent_key(state_hash),
            _CONSENT_KEY,
            program_id=consent.program_id,
            member_id=consent.member_id,
            subject=consent.holder.subject,
            invited_at=consent.holder.invited_at,
            nonce_hash=consent.nonce_hash,
            pkce=consent.pkce,
            activity_id=consent.activity_id,
            correlation_id=consent.correlation_id,
            disclosure_version=consent.disclosed.version if consent.disclosed else None,
            disclosure_language=consent.disclosed.language if consent.disclosed else None,
            disclosure_ticked_at=consent.disclosed.at if consent.disclosed else None,
            views=consent.views or None,
            expires_at=int(consent.expires_at.timestamp()),
        )
        count = ConsentCountItem(
            member_key(consent.program_id, consent.member_id),
            f"{_CONSENT_COUNT_KEY}#{window.number}",
        )
        actions: list[Action] = [
            ConsentCountItem.begun.add(1),
            ConsentCountItem.expires_at.set(int(window.ends_at.timestamp())),
        ]
        below = ConsentCountItem.begun.does_not_exist() | (ConsentCountItem.begun < most)
        self._database.commit([Put(item), Update(count, actions, below, TooManyConsents)])

    def consent(self, state_hash: str) -> Consent | None:
        try:
            return self._database.get(
                ConsentItem, _consent_key(state_hash), _CONSENT_KEY, consistent_read=True
            ).to_consent()
        except DoesNotExist:
            return None

    def use_consent(self, state_hash: str) -> bool:
        """Use a consent up; False if it was used before."""
        item = ConsentItem(_consent_key(state_hash), _CONSENT_KEY)
        return self._database.delete(item, ConsentItem.item.exists())


def _consent_key(state_hash: str) -> str:
    return f"state#{state_hash}"
