"""Personal data in the programs table: a member's item, channel places and uniqueness guards."""

from collections.abc import Iterator

from chalicelib.foundation.personal import Person, Record, part
from chalicelib.foundation.table import Database
from chalicelib.programs.members.user_pool import NEVER_SIGNED_IN, UserPool
from chalicelib.programs.model import normalized_name
from chalicelib.programs.store import (
    MemberItem,
    MembershipItem,
    ProgramItem,
    ProgramStore,
    UniquenessItem,
    alias_guard,
    channel_members_key,
    email_key,
    member_key,
    subject_guard,
)


class MembershipPersonalData:
    """The member's item itself is erased by the transaction that asks for the erasure."""

    def __init__(self, database: Database) -> None:
        database.register_models(ProgramItem, MemberItem, MembershipItem, UniquenessItem)
        self._database = database

    def personal_data(self, person: Person) -> Iterator[tuple[str, Record]]:
        key = member_key(person.member_id)
        channels: set[str] = set()
        alias = ""
        for record in self._database.raw_items(MemberItem, person.program_id, key):
            channels.update(record.get("channels", ()))
            alias = record.get("alias", "")
            yield from part("member", [record])
        for each in sorted(channels):
            place = channel_members_key(person.program_id, each)
            yield from part("channels", self._database.raw_items(MembershipItem, place, key))
        guards = [(person.program_id, email_key(person.email))]
        if person.subject:
            guards.append(subject_guard(person.subject))
        if alias:
            held = alias_guard(person.program_id, alias, person.member_id)
            guards.append((held.program_id, held.item))
        for guard in guards:
            yield from part("sign_in", self._database.raw_items(UniquenessItem, *guard))

    def erase(self, person: Person) -> bool:
        """Remove the guard by which a program was created for its first manager's address."""
        for program in self._database.raw_items(ProgramItem, person.program_id, "program"):
            created = program.get("created_as") or f"created#{normalized_name(program['name'])}"
            mine = UniquenessItem.owner_program_id == person.program_id
            self._database.delete(UniquenessItem(created, email_key(person.email)), mine)
        return True


class SignInPersonalData:
    """The sign-in in the user pool, which belongs to a person rather than to a program."""

    def __init__(self, pool: UserPool | None, store: ProgramStore) -> None:
        """Without a pool people sign in by a system that is not Greenroom's to change."""
        self._pool = pool
        self._store = store

    def personal_data(self, person: Person) -> Iterator[tuple[str, Record]]:
        """Yield the sign-in of a person who is bound to it now.

        Anybody who runs a program may invite any address. Nobody may learn
        whether an address signs in here already before the person joins.
        """
        if self._pool is None or person.subject is None:
            return
        sign_in = self._pool.sign_in(person.email)
        if sign_in and sign_in["sub"] == person.subject:
            yield from part("sign_in", [sign_in])

    def erase(self, person: Person) -> bool:
        """Remove the sign-in unless the person belongs to another program, or one invites them.

        Of a person who never joined the program only a sign-in goes that was never used: an
        invitation made it, and it opens nothing. One that was used is a stranger's to keep,
        whoever invited their address.
        """
        if self._pool is None or self._store.invitations(person.email):
            return True
        sign_in = self._pool.sign_in(person.email)
        if sign_in is None or self._store.member_of_subject(sign_in["sub"]) is not None:
            return True
        if sign_in["sub"] == person.subject or sign_in["state"] == NEVER_SIGNED_IN:
            self._pool.remove(person.email)
        return True
