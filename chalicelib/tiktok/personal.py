"""Personal data in the accounts table: a member's TikTok account and the places in its inbox."""

from collections.abc import Iterator

from chalicelib.foundation.personal import Person, Record, part
from chalicelib.foundation.table import Database
from chalicelib.tiktok.store import AccountItem, AccountOwnerItem, AccountStore, member_key


class AccountPersonalData:
    def __init__(self, database: Database, store: AccountStore) -> None:
        database.register_models(AccountItem, AccountOwnerItem)
        self._database = database
        self._store = store

    def personal_data(self, person: Person) -> Iterator[tuple[str, Record]]:
        """Yield the account without its tokens, which are nobody's to read."""
        key = member_key(person.program_id, person.member_id)
        for record in self._database.raw_items(AccountItem, key):
            yield from part("tiktok", [record], "tokens", "lock", "locked_until")
            if "open_id" in record:
                holder = self._database.raw_items(AccountOwnerItem, f"open_id#{record['open_id']}")
                yield from part("tiktok", holder)

    def erase(self, person: Person) -> bool:
        """Return whether the account is gone, which the release of removed members sees to.

        It revokes the tokens at TikTok first, and gives up on that after a day.
        """
        return self._store.account(person.program_id, person.member_id) is None
