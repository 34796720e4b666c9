"""TikTok accounts: consent bound to member and browser, tokens kept from everybody, kept alive."""

import hashlib
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import requests
from botocore.exceptions import ClientError

from chalicelib.foundation.events import Change, Event
from chalicelib.foundation.identity import Caller, Claims, Role, TikTokState
from chalicelib.foundation.problems import Code, Problem, ProblemCode
from chalicelib.performances import worker as performances_worker
from chalicelib.programs.events import MemberRemoved
from chalicelib.tiktok import worker
from chalicelib.tiktok.errors import (
    AccessTokenRefused,
    Cause,
    OutcomeUnknown,
    Reconnect,
    TikTokError,
    TikTokRefused,
    TryLater,
    TryNow,
)
from chalicelib.tiktok.model import (
    CONSENT_LIFETIME,
    CONSENT_WINDOW,
    CONSENTS_PER_WINDOW,
    LAPSE_AHEAD,
    REFRESH_AHEAD,
    REFRESH_LOCK_DURATION,
    Account,
    ConsentWindow,
    NotConnected,
    Tokens,
)
from chalicelib.tiktok.problems import TikTokProblem
from chalicelib.tiktok.service import MAX_REVOKING_TIME, RELEASE_GRACE, AccountService
from chalicelib.tiktok.store import AccountItem, AccountStore
from chalicelib.tiktok.webhooks import MAX_CLOCK_SKEW
from tests.events import queued
from tests.integration.conftest import Calls
from tests.integration.database import database
from tests.integration.greenroom import CONTEXT, HALF_A_YEAR, TWO_HOURS, FakeTikTok, Greenroom
from tests.integration.sandboxed_greenroom import SandboxedGreenroom

SECOND = timedelta(seconds=1)
FRESH_FOR = timedelta(seconds=TWO_HOURS) - REFRESH_AHEAD


@pytest.fixture
def ben(greenroom: Greenroom) -> Caller:
    return greenroom.member("ben")


@pytest.fixture
def accounts(greenroom: Greenroom) -> AccountService:
    """The service; one that has to wait for a lock lets the clock move on instead."""
    greenroom.container.sleep = lambda seconds: greenroom.clock.advance(timedelta(seconds=seconds))
    return greenroom.container.tiktok


def refusal(attempt: Callable[[], object]) -> Code:
    with pytest.raises(Problem) as refused:
        attempt()
    return refused.value.code


def stored(greenroom: Greenroom, caller: Caller) -> Account | None:
    return greenroom.container.account_store.account(caller.program_id, caller.member_id)


def token(greenroom: Greenroom, caller: Caller, refused: str | None = None) -> str:
    return greenroom.container.access_tokens.access_token(
        caller.program_id, caller.member_id, refused
    ).value


def renew(greenroom: Greenroom) -> int:
    container = greenroom.container
    return worker.maintain_accounts(container.tiktok, container.access_tokens, CONTEXT)


def everything(dynamodb: Any) -> str:
    """Return all that is kept, but for the count of consents, which goes by itself."""
    items = dynamodb.scan(TableName="AccountsTable")["Items"]
    return str([each for each in items if not each["item"]["S"].startswith("consents#")])


# Consent


def test_a_consent_connects_the_account_and_every_request_knows(
    greenroom: Greenroom, ben: Caller
) -> None:
    assert refusal(lambda: greenroom.container.tiktok.account(ben)) is ProblemCode.NOT_FOUND
    connected = greenroom.connect_account(ben, "ben")
    assert (connected.display_name, connected.performance, connected.problem) == ("Ben", None, None)
    account = greenroom.container.tiktok.account(ben)
    assert (account.open_id, account.state) == ("open-ben", TikTokState.CONNECTED)
    assert account.access_expires_at == greenroom.clock.now() + timedelta(seconds=TWO_HOURS)
    assert greenroom.now(ben).tiktok is TikTokState.CONNECTED
    assert token(greenroom, ben) == "access-ben-1"


@pytest.mark.parametrize(
    "carried",
    [
        {"state": ""},
        {"state": "unknown"},
        {"nonce": ""},
        {"nonce": "wrong"},
        {"nonce": "", "error": "access_denied", "code": None},
    ],
)
def test_a_consent_without_its_state_and_its_browsers_nonce_changes_nothing(
    greenroom: Greenroom, tiktok: FakeTikTok, ben: Caller, carried: dict[str, Any]
) -> None:
    begun = greenroom.asks(ben)
    attempt = partial(greenroom.complete_consent, begun, "ben", **carried)
    assert refusal(attempt) is TikTokProblem.TIKTOK_STATE_INVALID
    assert tiktok.made == []
    assert stored(greenroom, ben) is None
    # Who does not know both cannot spoil it for the one who does.
    assert greenroom.complete_consent(begun, "ben").display_name == "Ben"


def test_a_consent_is_good_for_the_browser_it_was_asked_for_from_only(
    greenroom: Greenroom, ben: Caller
) -> None:
    eve = greenroom.member("eve")
    hers, his = greenroom.asks(eve), greenroom.asks(ben)
    crossed = partial(greenroom.complete_consent, his, "ben", nonce=hers.nonce)
    assert refusal(crossed) is TikTokProblem.TIKTOK_STATE_INVALID
    assert stored(greenroom, ben) is stored(greenroom, eve) is None


def test_a_consent_is_used_once(greenroom: Greenroom, tiktok: FakeTikTok, ben: Caller) -> None:
    begun = greenroom.asks(ben)
    greenroom.complete_consent(begun, "ben")
    before = stored(greenroom, ben)
    again = partial(greenroom.complete_consent, begun, "other")
    assert refusal(again) is TikTokProblem.TIKTOK_STATE_INVALID
    assert tiktok.made == ["exchange_code", "person"]
    assert stored(greenroom, ben) == before


def test_a_member_begins_no_more_consents_in_an_hour_than_they_may(
    greenroom: Greenroom, tiktok: FakeTikTok, ben: Caller
) -> None:
    started = ConsentWindow.at(greenroom.clock.now()).ends_at
    greenroom.clock.advance(started - greenroom.clock.now())
    refused: list[Problem] = []
    for _ in range(3 * CONSENTS_PER_WINDOW):
        try:
            greenroom.complete_consent(greenroom.asks(ben), "ben")
        except Problem as problem:
            refused.append(problem)
        greenroom.clock.advance(SECOND)
    assert tiktok.made.count("exchange_code") == CONSENTS_PER_WINDOW
    assert len(refused) == 2 * CONSENTS_PER_WINDOW
    assert {each.code for each in refused} == {ProblemCode.TOO_MANY_REQUESTS}
    assert refused[0].members["retry_at"] == (started + CONSENT_WINDOW).isoformat()
    left = int((CONSENT_WINDOW - CONSENTS_PER_WINDOW * SECOND).total_seconds())
    assert refused[0].headers == {"Retry-After": str(left)}
    # Others begin theirs, and so does this one in the next hour.
    greenroom.connect_account(greenroom.member("eve"), "eve")
    greenroom.clock.advance(started + CONSENT_WINDOW - greenroom.clock.now())
    greenroom.connect_account(ben, "ben")


def test_a_consent_that_is_refused_is_stored_nowhere(
    greenroom: Greenroom, dynamodb: Any, ben: Caller
) -> None:

    for _ in range(CONSENTS_PER_WINDOW):
        greenroom.asks(ben)
    before = everything(dynamodb)
    assert refusal(lambda: greenroom.asks(ben)) is ProblemCode.TOO_MANY_REQUESTS
    assert everything(dynamodb) == before


def test_a_consent_lasts_ten_minutes(greenroom: Greenroom, ben: Caller) -> None:
    in_time, late = greenroom.asks(ben), greenroom.asks(ben)
    greenroom.clock.advance(CONSENT_LIFETIME - SECOND)
    greenroom.complete_consent(in_time, "ben")
    greenroom.clock.advance(SECOND)
    too_late = partial(greenroom.complete_consent, late, "ben")
    assert refusal(too_late) is TikTokProblem.TIKTOK_STATE_INVALID


@pytest.mark.parametrize("carried", [{"error": "access_denied"}, {"code": None}, {"code": ""}])
def test_a_denied_consent_connects_nothing_and_is_used_up(
    greenroom: Greenroom, tiktok: FakeTikTok, ben: Caller, carried: dict[str, Any]
) -> None:
    begun = greenroom.asks(ben)
    denied = partial(greenroom.complete_consent, begun, "ben", **carried)
    assert refusal(denied) is TikTokProblem.TIKTOK_CONSENT_DENIED
    assert refusal(denied) is TikTokProblem.TIKTOK_STATE_INVALID
    assert tiktok.made == []
    assert stored(greenroom, ben) is None


def test_a_missing_scope_connects_nothing_and_is_named(
    greenroom: Greenroom, tiktok: FakeTikTok, ben: Caller
) -> None:
    tiktok.scopes = frozenset({"user.info.basic"})
    with pytest.raises(Problem) as refused:
        greenroom.connect_account(ben, "ben")
    assert refused.value.code is TikTokProblem.TIKTOK_SCOPE_MISSING
    assert refused.value.members == {"missing": ["video.upload"]}
    assert stored(greenroom, ben) is None


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (Reconnect("invalid_grant", cause=Cause.CONSENT_ENDED), TikTokProblem.TIKTOK_CODE_REFUSED),
        (
            TikTokRefused("invalid_client", cause=Cause.APP_SETTINGS),
            TikTokProblem.TIKTOK_CODE_REFUSED,
        ),
        (TryLater("server_error"), ProblemCode.UNAVAILABLE),
        (TryNow("not_sent"), ProblemCode.UNAVAILABLE),
        (OutcomeUnknown("no_answer"), ProblemCode.UNAVAILABLE),
    ],
)
def test_a_code_that_is_not_confirmed_connects_nothing(
    greenroom: Greenroom, tiktok: FakeTikTok, ben: Caller, error: TikTokError, code: Code
) -> None:
    tiktok.next_steps["exchange_code"] = [error]
    assert refusal(lambda: greenroom.connect_account(ben, "ben")) is code
    assert stored(greenroom, ben) is None
    assert greenroom.now(ben).tiktok is None


def test_a_person_who_cannot_be_read_is_not_connected(
    greenroom: Greenroom, tiktok: FakeTikTok, ben: Caller
) -> None:
    tiktok.next_steps["person"] = [TryLater("internal_error")]
    assert refusal(lambda: greenroom.connect_account(ben, "ben")) is ProblemCode.UNAVAILABLE
    assert stored(greenroom, ben) is None


def test_an_account_of_another_member_is_not_taken_from_them(
    greenroom: Greenroom, tiktok: FakeTikTok, ben: Caller
) -> None:
    greenroom.connect_account(ben, "ben")
    his, eve = stored(greenroom, ben), greenroom.member("eve")
    attempt = partial(greenroom.connect_account, eve, "ben")
    with pytest.raises(Problem) as refused:
        attempt()
    assert refused.value.code is TikTokProblem.TIKTOK_ACCOUNT_TAKEN
    # Whose it is, and in which program, is nobody's business.
    words = f"{refused.value.code.title} {refused.value.detail}".lower()
    assert not {"member", "ben", "program", "company"} & set(words.replace(".", " ").split())
    assert not refused.value.members
    assert stored(greenroom, ben) == his
    assert stored(greenroom, eve) is None
    assert greenroom.now(eve).tiktok is None
    assert tiktok.revoked == []


def test_with_another_tiktok_account_the_earlier_one_is_free_for_others(
    greenroom: Greenroom, ben: Caller
) -> None:
    greenroom.connect_account(ben, "private")
    greenroom.connect_account(ben, "work")
    assert greenroom.container.tiktok.account(ben).open_id == "open-work"
    eve = greenroom.member("eve")
    assert greenroom.connect_account(eve, "private").display_name == "Private"
    attempt = partial(greenroom.connect_account, eve, "work")
    assert refusal(attempt) is TikTokProblem.TIKTOK_ACCOUNT_TAKEN


def test_connecting_the_same_account_again_renews_it(greenroom: Greenroom, ben: Caller) -> None:
    greenroom.connect_account(ben, "ben")
    greenroom.connect_account(ben, "ben")
    assert token(greenroom, ben) == "access-ben-2"


# Tokens at rest


def test_tokens_states_nonces_and_codes_are_nowhere_in_the_clear(
    greenroom: Greenroom, dynamodb: Any, ben: Caller
) -> None:
    begun = greenroom.asks(ben)
    greenroom.connect_account(ben, "ben")
    kept = everything(dynamodb)
    assert "open-ben" in kept
    for secret in ("access-ben", "refresh-ben", "code-ben", begun.nonce):
        assert secret not in kept
    assert begun.authorize_url.partition("state=")[2].partition("&")[0] not in kept


def test_tokens_of_one_member_cannot_be_read_as_those_of_another(
    greenroom: Greenroom, ben: Caller, calls: Calls
) -> None:
    greenroom.connect_account(ben, "ben")
    account, vault = stored(greenroom, ben), greenroom.container.vault
    assert account is not None
    opened = vault.decrypt_tokens(ben.program_id, ben.member_id, account.tokens)
    assert opened == Tokens("access-ben-1", "refresh-ben-1")
    assert "access-ben-1" not in repr(opened)
    for program_id, member_id in ((ben.program_id, "mem_other"), ("prg_other", ben.member_id)):
        with pytest.raises(ClientError, match="InvalidCiphertext"):
            vault.decrypt_tokens(program_id, member_id, account.tokens)
    contexts = [made["EncryptionContext"] for name, made in calls.made if name == "Encrypt"]
    assert contexts == [{"program_id": ben.program_id, "member_id": ben.member_id}]


# A live access token


def test_a_token_is_used_as_it_is_while_it_is_fresh_and_refreshed_ahead_of_its_end(
    greenroom: Greenroom, tiktok: FakeTikTok, accounts: AccountService, ben: Caller
) -> None:
    greenroom.connect_account(ben, "ben")
    greenroom.clock.advance(FRESH_FOR - SECOND)
    assert token(greenroom, ben) == "access-ben-1"
    assert "refresh" not in tiktok.made
    greenroom.clock.advance(SECOND)
    assert token(greenroom, ben) == token(greenroom, ben) == "access-ben-2"
    assert tiktok.made.count("refresh") == 1
    account = stored(greenroom, ben)
    assert account is not None
    assert account.access_expires_at == greenroom.clock.now() + timedelta(seconds=TWO_HOURS)


def test_a_refused_token_is_refreshed_however_fresh_it_seems(
    greenroom: Greenroom, tiktok: FakeTikTok, accounts: AccountService, ben: Caller
) -> None:
    greenroom.connect_account(ben, "ben")
    assert token(greenroom, ben, refused="access-ben-1") == "access-ben-2"
    # Another worker was refused the same one and finds the new one.
    assert token(greenroom, ben, refused="access-ben-1") == "access-ben-2"
    assert tiktok.made.count("refresh") == 1


def test_a_member_without_an_account_has_no_token(
    greenroom: Greenroom, tiktok: FakeTikTok, ben: Caller
) -> None:
    with pytest.raises(NotConnected):
        token(greenroom, ben)
    assert tiktok.made == []


def test_a_new_pair_that_could_not_be_stored_is_not_used(
    greenroom: Greenroom, accounts: AccountService, calls: Calls, ben: Caller
) -> None:
    greenroom.connect_account(ben, "ben")
    greenroom.clock.advance(FRESH_FOR)

    class Broken(AccountStore):
        def save_renewed_tokens(self, *_arguments: Any) -> bool:
            raise ConnectionError

    broken = greenroom.cold_container()
    broken.account_store = Broken(database())
    with pytest.raises(ConnectionError):
        broken.access_tokens.access_token(ben.program_id, ben.member_id, None)


def lock(greenroom: Greenroom, caller: Caller) -> tuple[Account, str]:
    """Take the refresh lock, as another worker does."""
    account = stored(greenroom, caller)
    assert account is not None
    now = greenroom.clock.now()
    assert greenroom.container.account_store.lock_refresh(
        account, "other", now, now + REFRESH_LOCK_DURATION
    )
    return account, "other"


def test_while_another_worker_refreshes_its_result_is_waited_for(
    greenroom: Greenroom, tiktok: FakeTikTok, accounts: AccountService, ben: Caller
) -> None:
    greenroom.connect_account(ben, "ben")
    greenroom.clock.advance(FRESH_FOR)
    account, name = lock(greenroom, ben)
    waits: list[float] = []

    def other_worker_finishes(seconds: float) -> None:
        waits.append(seconds)
        if len(waits) == 3:
            grant = tiktok.grant("ben")
            expires_at = greenroom.clock.now() + timedelta(seconds=grant.expires_in)
            ciphertext = greenroom.container.vault.encrypt_tokens(
                ben.program_id, ben.member_id, Tokens(grant.access_token, grant.refresh_token)
            )
            renewed = replace(
                account,
                tokens=ciphertext,
                access_expires_at=expires_at,
                refresh_expires_at=expires_at,
            )
            also = accounts._account_state_part(account, TikTokState.CONNECTED)  # noqa: SLF001  the write of another worker
            assert greenroom.container.account_store.save_renewed_tokens(
                account, name, renewed, also
            )

    greenroom.container.sleep = other_worker_finishes
    assert token(greenroom, ben) == "access-ben-2"
    assert len(waits) == 3
    assert "refresh" not in tiktok.made


def test_a_lock_that_is_not_let_go_ends_the_wait_before_it_ends_the_lock(
    greenroom: Greenroom, tiktok: FakeTikTok, accounts: AccountService, ben: Caller
) -> None:
    greenroom.connect_account(ben, "ben")
    greenroom.clock.advance(FRESH_FOR)
    lock(greenroom, ben)
    with pytest.raises(TryLater):
        token(greenroom, ben)
    assert "refresh" not in tiktok.made


# Not being used


def test_an_account_that_is_not_used_is_renewed_before_it_lapses(
    greenroom: Greenroom, tiktok: FakeTikTok, accounts: AccountService, ben: Caller
) -> None:
    greenroom.connect_account(ben, "ben")
    lapses_at = greenroom.clock.now() + timedelta(seconds=HALF_A_YEAR)
    greenroom.clock.advance(lapses_at - LAPSE_AHEAD - greenroom.clock.now())
    assert greenroom.container.access_tokens.refresh_lapsing_accounts() == 0
    greenroom.clock.advance(SECOND)
    assert greenroom.container.access_tokens.refresh_lapsing_accounts() == 1
    assert greenroom.container.access_tokens.refresh_lapsing_accounts() == 0
    assert tiktok.made.count("refresh") == 1
    assert accounts.account(ben).refresh_expires_at > lapses_at


def test_an_account_that_cannot_be_renewed_now_is_retried_and_blocks_no_other(
    greenroom: Greenroom, tiktok: FakeTikTok, accounts: AccountService, ben: Caller
) -> None:
    for person in (ben, cleo := greenroom.member()):
        greenroom.connect_account(person, "ben" if person is ben else "cleo")
    greenroom.clock.advance(timedelta(seconds=HALF_A_YEAR) - LAPSE_AHEAD + SECOND)
    tiktok.next_steps["refresh"] = [TryLater("rate_limit_exceeded")]
    assert greenroom.container.access_tokens.refresh_lapsing_accounts() == 1
    assert greenroom.container.access_tokens.refresh_lapsing_accounts() == 1
    assert {accounts.account(each).state for each in (ben, cleo)} == {TikTokState.CONNECTED}


def test_an_account_that_breaks_is_told_of_and_keeps_no_other_from_its_turn(
    greenroom: Greenroom, tiktok: FakeTikTok, accounts: AccountService, ben: Caller
) -> None:
    greenroom.connect_account(ben, "ben")
    greenroom.clock.advance(SECOND)
    greenroom.connect_account(cleo := greenroom.member(), "cleo")
    greenroom.clock.advance(timedelta(seconds=HALF_A_YEAR) - LAPSE_AHEAD + SECOND)
    database().update(
        AccountItem(f"member#{ben.owner}", "account"), [AccountItem.tokens.set(b"damaged")]
    )
    lapses_at = accounts.account(cleo).refresh_expires_at
    with pytest.raises(ClientError):
        greenroom.container.access_tokens.refresh_lapsing_accounts()
    assert accounts.account(cleo).refresh_expires_at > lapses_at


def test_an_account_that_tiktok_refuses_has_to_be_connected_again_and_is_left_alone(
    greenroom: Greenroom, tiktok: FakeTikTok, accounts: AccountService, ben: Caller
) -> None:
    greenroom.connect_account(ben, "ben")
    greenroom.clock.advance(timedelta(seconds=HALF_A_YEAR) - LAPSE_AHEAD + SECOND)
    tiktok.token_pairs.clear()
    for _ in range(2):
        assert greenroom.container.access_tokens.refresh_lapsing_accounts() == 0
    assert accounts.account(ben).state is TikTokState.RECONNECT_REQUIRED
    assert tiktok.made.count("refresh") == 1


def test_a_lock_left_behind_is_taken_over(
    greenroom: Greenroom, tiktok: FakeTikTok, accounts: AccountService, ben: Caller
) -> None:
    greenroom.connect_account(ben, "ben")
    greenroom.clock.advance(FRESH_FOR)
    lock(greenroom, ben)
    greenroom.clock.advance(REFRESH_LOCK_DURATION + SECOND)
    assert token(greenroom, ben) == "access-ben-2"


def test_a_refused_refresh_of_the_stored_pair_means_reconnecting_and_the_member_shows_it(
    greenroom: Greenroom, tiktok: FakeTikTok, accounts: AccountService, ben: Caller
) -> None:
    greenroom.connect_account(ben, "ben")
    greenroom.clock.advance(FRESH_FOR)
    tiktok.token_pairs.clear()
    with pytest.raises(NotConnected):
        token(greenroom, ben)
    assert accounts.account(ben).state is TikTokState.RECONNECT_REQUIRED
    assert greenroom.now(ben).tiktok is TikTokState.RECONNECT_REQUIRED
    with pytest.raises(NotConnected):
        token(greenroom, ben)
    assert tiktok.made.count("refresh") == 1
    greenroom.connect_account(ben, "ben")
    assert greenroom.now(ben).tiktok is TikTokState.CONNECTED
    assert token(greenroom, ben) == "access-ben-2"


def test_a_pair_stored_after_the_one_before_was_found_dead_connects_the_member_again(
    greenroom: Greenroom, tiktok: FakeTikTok, accounts: AccountService, ben: Caller
) -> None:
    greenroom.connect_account(ben, "ben")
    greenroom.clock.advance(FRESH_FOR)

    def another_finds_the_old_pair_dead() -> None:
        greenroom.clock.advance(REFRESH_LOCK_DURATION + SECOND)
        tiktok.next_steps["refresh"] = [Reconnect("invalid_grant", cause=Cause.CONSENT_ENDED)]
        with pytest.raises(NotConnected):
            token(greenroom, ben)
        assert greenroom.now(ben).tiktok is TikTokState.RECONNECT_REQUIRED

    tiktok.next_steps["refresh"] = [another_finds_the_old_pair_dead]
    assert token(greenroom, ben) == "access-ben-2"
    assert accounts.account(ben).state is TikTokState.CONNECTED
    assert greenroom.now(ben).tiktok is TikTokState.CONNECTED


def test_a_refused_refresh_after_another_workers_rotation_uses_the_new_pair(
    greenroom: Greenroom, tiktok: FakeTikTok, accounts: AccountService, ben: Caller
) -> None:
    greenroom.connect_account(ben, "ben")
    greenroom.clock.advance(FRESH_FOR)

    def rotated_meanwhile() -> None:
        greenroom.clock.advance(REFRESH_LOCK_DURATION + SECOND)
        greenroom.cold_container().access_tokens.access_token(ben.program_id, ben.member_id)

    tiktok.next_steps["refresh"] = [rotated_meanwhile]
    assert token(greenroom, ben) == "access-ben-2"
    assert accounts.account(ben).state is TikTokState.CONNECTED
    assert greenroom.now(ben).tiktok is TikTokState.CONNECTED


@pytest.mark.parametrize(
    "error",
    [
        TryLater("server_error", http_status=500),
        TryLater("temporarily_unavailable", http_status=503),
        TryNow("not_sent"),
        OutcomeUnknown("no_answer"),
        TikTokRefused("invalid_client", cause=Cause.APP_SETTINGS),
    ],
)
def test_an_error_unrelated_to_the_consent_disconnects_nobody_and_frees_the_lock(
    greenroom: Greenroom,
    tiktok: FakeTikTok,
    accounts: AccountService,
    ben: Caller,
    error: TikTokError,
) -> None:
    greenroom.connect_account(ben, "ben")
    greenroom.clock.advance(FRESH_FOR)
    tiktok.next_steps["refresh"] = [error]
    with pytest.raises(type(error)):
        token(greenroom, ben)
    assert accounts.account(ben).state is TikTokState.CONNECTED
    assert greenroom.now(ben).tiktok is TikTokState.CONNECTED
    before = greenroom.clock.now()
    assert token(greenroom, ben) == "access-ben-2"
    assert greenroom.clock.now() == before


# Disconnecting


def test_disconnecting_revokes_forgets_and_frees_the_account(
    greenroom: Greenroom, tiktok: FakeTikTok, dynamodb: Any, ben: Caller
) -> None:
    greenroom.connect_account(ben, "ben")
    for _ in range(2):
        greenroom.container.tiktok.disconnect_account(ben.program_id, ben.member_id)
    assert tiktok.revoked == ["access-ben-1"]
    assert everything(dynamodb) == "[]"
    assert greenroom.now(ben).tiktok is None
    assert greenroom.connect_account(greenroom.member("eve"), "ben").display_name == "Ben"


def test_an_account_is_forgotten_even_if_tiktok_does_not_answer(
    greenroom: Greenroom, tiktok: FakeTikTok, ben: Caller
) -> None:
    greenroom.connect_account(ben, "ben")
    tiktok.next_steps["revoke"] = [TryLater("server_error")]
    greenroom.container.tiktok.disconnect_account(ben.program_id, ben.member_id)
    assert stored(greenroom, ben) is None
    assert greenroom.now(ben).tiktok is None


def test_access_taken_back_at_tiktok_asks_the_member_to_reconnect_once(
    greenroom: Greenroom, tiktok: FakeTikTok, ben: Caller
) -> None:
    accounts = greenroom.container.tiktok
    greenroom.connect_account(ben, "ben")
    eve = greenroom.member("eve")
    greenroom.connect_account(eve, "eve")
    assert not accounts.record_access_removed("open-unknown", greenroom.clock.now())
    tiktok.token_pairs.pop("ben")
    assert accounts.record_access_removed("open-ben", greenroom.clock.now())
    assert not accounts.record_access_removed("open-ben", greenroom.clock.now())
    assert greenroom.now(ben).tiktok is TikTokState.RECONNECT_REQUIRED
    assert greenroom.now(eve).tiktok is TikTokState.CONNECTED
    with pytest.raises(NotConnected):
        token(greenroom, ben)


def test_a_late_word_of_access_taken_back_does_not_end_a_connection_made_since(
    greenroom: Greenroom, ben: Caller
) -> None:
    greenroom.connect_account(ben, "ben")
    removed_at = greenroom.clock.now()
    greenroom.clock.advance(SECOND)
    greenroom.connect_account(ben, "ben")
    assert not greenroom.container.tiktok.record_access_removed("open-ben", removed_at)
    assert greenroom.now(ben).tiktok is TikTokState.CONNECTED


@pytest.mark.parametrize("known_before", [False, True])
def test_a_word_of_access_taken_back_ends_no_later_connection_though_its_clock_was_ahead(
    greenroom: Greenroom, tiktok: FakeTikTok, ben: Caller, known_before: bool
) -> None:
    accounts = greenroom.container.tiktok
    greenroom.connect_account(ben, "ben")
    told_at = greenroom.clock.now() + timedelta(minutes=5)
    if known_before:
        greenroom.container.access_tokens.require_reconnect(
            ben.program_id, ben.member_id, token(greenroom, ben)
        )
    tiktok.token_pairs.pop("ben")
    assert accounts.record_access_removed("open-ben", told_at) is not known_before
    greenroom.clock.advance(SECOND)
    greenroom.connect_account(ben, "ben")
    assert not accounts.record_access_removed("open-ben", told_at)
    assert greenroom.now(ben).tiktok is TikTokState.CONNECTED
    tiktok.token_pairs.pop("ben")
    assert accounts.record_access_removed("open-ben", told_at + SECOND)


@pytest.mark.parametrize("ended", ["disconnected", "removed from the program", "taken back"])
@pytest.mark.parametrize("times", [1, 2])
def test_a_word_of_an_earlier_connections_end_that_first_comes_after_reconnecting_ends_nothing(
    greenroom: Greenroom, tiktok: FakeTikTok, ben: Caller, ended: str, times: int
) -> None:
    """Its clock is ahead, so that it seems to be about the connection made since."""
    accounts = greenroom.container.tiktok
    greenroom.connect_account(ben, "ben")
    told_at = greenroom.clock.now() + MAX_CLOCK_SKEW
    if ended == "disconnected":
        accounts.disconnect_account(ben.program_id, ben.member_id)
    elif ended == "removed from the program":
        greenroom.container.members.remove(greenroom.manager, ben.member_id)
        accounts.release_removed_member(ben.program_id, ben.member_id)
        greenroom.clock.advance(SECOND)
        greenroom.container.members.invite(greenroom.manager, ben.email, None, Role.MEMBER)
        ben = greenroom.now(ben)
    else:
        tiktok.token_pairs.pop("ben")
    greenroom.clock.advance(SECOND)
    greenroom.connect_account(ben, "ben")
    for _ in range(times):
        assert not accounts.record_access_removed("open-ben", told_at)
        assert greenroom.now(ben).tiktok is TikTokState.CONNECTED
    assert token(greenroom, ben) in tiktok.token_pairs["ben"]
    tiktok.token_pairs.pop("ben")
    assert accounts.record_access_removed("open-ben", told_at + SECOND)
    assert greenroom.now(ben).tiktok is TikTokState.RECONNECT_REQUIRED


def test_a_word_of_access_taken_back_is_believed_of_a_connection_older_than_a_clock_is_wrong(
    greenroom: Greenroom, tiktok: FakeTikTok, ben: Caller
) -> None:
    greenroom.connect_account(ben, "ben")
    greenroom.clock.advance(MAX_CLOCK_SKEW)
    tiktok.next_steps["person"] = [TryLater("server_error")]
    assert greenroom.container.tiktok.record_access_removed("open-ben", greenroom.clock.now())
    assert greenroom.now(ben).tiktok is TikTokState.RECONNECT_REQUIRED


def test_a_word_of_access_taken_back_that_cannot_be_checked_is_to_come_again(
    greenroom: Greenroom, tiktok: FakeTikTok, ben: Caller
) -> None:
    greenroom.connect_account(ben, "ben")
    tiktok.next_steps["person"] = [TryLater("server_error")]
    told = partial(
        greenroom.container.tiktok.record_access_removed, "open-ben", greenroom.clock.now()
    )
    assert refusal(told) is ProblemCode.UNAVAILABLE
    assert greenroom.now(ben).tiktok is TikTokState.CONNECTED
    tiktok.token_pairs.pop("ben")
    assert told()


def test_a_token_refused_though_fresh_is_given_up_unless_another_was_stored_since(
    greenroom: Greenroom, ben: Caller
) -> None:
    greenroom.connect_account(ben, "ben")
    tokens = greenroom.container.access_tokens
    tokens.require_reconnect(ben.program_id, ben.member_id, "access-ben-0")
    assert greenroom.now(ben).tiktok is TikTokState.CONNECTED
    tokens.require_reconnect(ben.program_id, ben.member_id, "access-ben-1")
    assert greenroom.now(ben).tiktok is TikTokState.RECONNECT_REQUIRED
    tokens.require_reconnect(ben.program_id, "mem_unknown", "access-ben-1")


def test_disconnecting_revokes_with_a_live_token(
    greenroom: Greenroom, tiktok: FakeTikTok, ben: Caller
) -> None:
    greenroom.connect_account(ben, "ben")
    greenroom.clock.advance(2 * FRESH_FOR)
    greenroom.container.tiktok.disconnect_account(ben.program_id, ben.member_id)
    assert tiktok.revoked == ["access-ben-2"]


def test_disconnecting_revokes_with_a_token_that_tiktok_takes_however_fresh_ours_seems(
    greenroom: Greenroom, tiktok: FakeTikTok, ben: Caller
) -> None:
    greenroom.connect_account(ben, "ben")
    tiktok.next_steps["revoke"] = [AccessTokenRefused("invalid_grant")]
    greenroom.container.tiktok.disconnect_account(ben.program_id, ben.member_id)
    assert tiktok.revoked == ["access-ben-2"]
    assert stored(greenroom, ben) is None


def test_an_account_whose_consent_is_gone_is_forgotten_too(
    greenroom: Greenroom, tiktok: FakeTikTok, dynamodb: Any, ben: Caller
) -> None:
    greenroom.connect_account(ben, "ben")
    greenroom.clock.advance(2 * FRESH_FOR)
    tiktok.token_pairs.clear()
    greenroom.container.tiktok.disconnect_account(ben.program_id, ben.member_id)
    assert everything(dynamodb) == "[]"
    assert greenroom.now(ben).tiktok is None


@pytest.mark.parametrize("alive", ["access", "refresh", "neither"])
def test_a_consent_that_lacks_a_permission_is_revoked_too(
    greenroom: Greenroom, tiktok: FakeTikTok, ben: Caller, alive: str
) -> None:
    greenroom.connect_account(ben, "ben")
    greenroom.container.access_tokens.require_reconnect(
        ben.program_id, ben.member_id, "access-ben-1"
    )
    if alive != "access":
        tiktok.next_steps["revoke"] = [AccessTokenRefused("invalid_grant")]
    if alive == "neither":
        tiktok.token_pairs.clear()
    greenroom.container.members.remove(greenroom.manager, ben.member_id)
    greenroom.container.connections.release_removed_member(ben.program_id, ben.member_id)
    revoked = {"access": ["access-ben-1"], "refresh": ["access-ben-2"], "neither": []}
    assert tiktok.revoked == revoked[alive]
    assert stored(greenroom, ben) is None


def test_while_tiktok_is_not_set_up_nobody_is_sent_there(
    greenroom: Greenroom, ben: Caller, dynamodb: Any
) -> None:
    container = greenroom.cold_container()
    container.settings = greenroom.settings.changed(public_url=None)
    attempt = partial(container.consents.begin_consent, ben, "correlation-1")
    assert refusal(attempt) is ProblemCode.UNAVAILABLE
    assert everything(dynamodb) == "[]"


# What comes in between


def test_a_removed_members_successor_does_not_see_their_tiktok_account(
    greenroom: Greenroom, ben: Caller
) -> None:
    """Before the removal is heard of: by then the address may be another person's."""
    accounts = greenroom.container.tiktok
    greenroom.connect_account(ben, "ben")
    greenroom.container.members.remove(greenroom.manager, ben.member_id)
    greenroom.clock.advance(SECOND)
    greenroom.container.members.invite(greenroom.manager, ben.email, None, Role.MEMBER)
    successor = greenroom.container.programs.caller(Claims("subject-of-another", ben.email, 0))
    assert successor.member_id == ben.member_id
    assert refusal(lambda: accounts.account(successor)) is ProblemCode.NOT_FOUND
    greenroom.clock.advance(SECOND)
    greenroom.connect_account(successor, "cleo")
    assert accounts.account(successor).open_id == "open-cleo"


def test_a_connection_made_while_the_one_before_is_disconnected_stays(
    greenroom: Greenroom, tiktok: FakeTikTok, ben: Caller
) -> None:
    greenroom.connect_account(ben, "ben")

    def connects_again() -> None:
        greenroom.clock.advance(SECOND)
        greenroom.connect_account(ben, "ben")

    tiktok.next_steps["revoke"] = [connects_again]
    attempt = partial(greenroom.container.tiktok.disconnect_account, ben.program_id, ben.member_id)
    assert refusal(attempt) is ProblemCode.CHANGED_MEANWHILE
    assert greenroom.now(ben).tiktok is TikTokState.CONNECTED
    assert token(greenroom, ben) == "access-ben-2"


def test_a_connection_made_before_the_one_before_is_revoked_is_not_revoked(
    greenroom: Greenroom, tiktok: FakeTikTok, ben: Caller
) -> None:
    greenroom.connect_account(ben, "ben")
    greenroom.clock.advance(2 * FRESH_FOR)

    def connects_again() -> None:
        greenroom.clock.advance(REFRESH_LOCK_DURATION + SECOND)
        greenroom.connect_account(ben, "ben")

    tiktok.next_steps["refresh"] = [connects_again]
    attempt = partial(greenroom.container.tiktok.disconnect_account, ben.program_id, ben.member_id)
    assert refusal(attempt) is ProblemCode.CHANGED_MEANWHILE
    assert tiktok.revoked == []
    assert greenroom.now(ben).tiktok is TikTokState.CONNECTED


def test_access_taken_back_while_a_refresh_is_under_way_is_not_forgotten_by_its_pair(
    greenroom: Greenroom, tiktok: FakeTikTok, accounts: AccountService, ben: Caller
) -> None:
    greenroom.connect_account(ben, "ben")
    greenroom.clock.advance(FRESH_FOR)

    def taken_back() -> None:
        assert accounts.record_access_removed("open-ben", greenroom.clock.now())

    tiktok.next_steps["refresh"] = [taken_back]
    with pytest.raises(NotConnected):
        token(greenroom, ben)
    assert greenroom.now(ben).tiktok is TikTokState.RECONNECT_REQUIRED
    greenroom.clock.advance(SECOND)
    greenroom.connect_account(ben, "ben")
    greenroom.clock.advance(FRESH_FOR)
    assert token(greenroom, ben) == "access-ben-4"
    assert greenroom.now(ben).tiktok is TikTokState.CONNECTED


def test_access_taken_back_is_not_overlooked_for_a_pair_stored_meanwhile(
    greenroom: Greenroom, accounts: AccountService, ben: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    greenroom.connect_account(ben, "ben")
    greenroom.clock.advance(FRESH_FOR)
    store = greenroom.container.account_store
    read = store.account

    def rotated_after_it_was_read(program_id: str, member_id: str) -> Account | None:
        found = read(program_id, member_id)
        monkeypatch.undo()
        token(greenroom, ben)
        return found

    monkeypatch.setattr(store, "account", rotated_after_it_was_read)
    assert accounts.record_access_removed("open-ben", greenroom.clock.now())
    assert greenroom.now(ben).tiktok is TikTokState.RECONNECT_REQUIRED


# Who was removed


def removed(greenroom: Greenroom, name: str) -> Caller:
    member = greenroom.member(name)
    greenroom.connect_account(member, name)
    greenroom.container.members.remove(greenroom.manager, member.member_id)
    return member


def test_a_consent_given_by_who_was_removed_meanwhile_is_given_back(
    greenroom: Greenroom, tiktok: FakeTikTok, dynamodb: Any, ben: Caller
) -> None:
    begun = greenroom.asks(ben)
    remove = partial(greenroom.container.members.remove, greenroom.manager, ben.member_id)
    tiktok.next_steps["person"] = [remove]
    attempt = partial(greenroom.complete_consent, begun, "ben")
    assert refusal(attempt) is ProblemCode.CHANGED_MEANWHILE
    assert tiktok.revoked == ["access-ben-1"]
    assert everything(dynamodb) == "[]"


def test_a_consent_that_cannot_be_given_back_is_refused_all_the_same(
    greenroom: Greenroom, tiktok: FakeTikTok, ben: Caller
) -> None:
    begun = greenroom.asks(ben)
    remove = partial(greenroom.container.members.remove, greenroom.manager, ben.member_id)
    tiktok.next_steps["person"] = [remove]
    tiktok.next_steps["revoke"] = [TryLater("server_error")]
    assert (
        refusal(lambda: greenroom.complete_consent(begun, "ben")) is ProblemCode.CHANGED_MEANWHILE
    )
    assert stored(greenroom, ben) is None


def invited_again(greenroom: Greenroom, before: Caller, subject: str) -> Caller:
    """Remove a member; invite their address again, and let `subject` sign in with it."""
    greenroom.container.members.remove(greenroom.manager, before.member_id)
    greenroom.clock.advance(SECOND)
    greenroom.container.members.invite(greenroom.manager, before.email, None, Role.MEMBER)
    after = greenroom.container.programs.caller(Claims(subject, before.email, 0))
    assert after.member_id == before.member_id
    return after


@pytest.mark.parametrize("subject", ["subject-of-another", "subject-ben@demo.example"])
def test_a_consent_begun_before_a_removal_connects_nobody_who_was_invited_since(
    greenroom: Greenroom, tiktok: FakeTikTok, ben: Caller, subject: str
) -> None:
    begun = greenroom.asks(ben)
    successor = invited_again(greenroom, ben, subject)
    attempt = partial(greenroom.complete_consent, begun, "ben")
    assert refusal(attempt) is TikTokProblem.TIKTOK_STATE_INVALID
    assert tiktok.made == []
    assert stored(greenroom, successor) is None
    assert greenroom.now(successor).tiktok is None if subject.endswith("example") else True
    # It is used up, and what the new person begins is theirs.
    assert refusal(attempt) is TikTokProblem.TIKTOK_STATE_INVALID
    greenroom.connect_account(successor, "cleo")
    assert greenroom.container.tiktok.account(successor).open_id == "open-cleo"


@pytest.mark.parametrize("changed", ["subject", "invited_at"])
def test_a_consent_is_bound_to_the_person_and_to_the_invitation(
    greenroom: Greenroom, tiktok: FakeTikTok, ben: Caller, changed: str
) -> None:
    assert ben.invited_at is not None
    earlier = replace(ben, invited_at=ben.invited_at - SECOND)
    begun = greenroom.asks(earlier if changed == "invited_at" else replace(ben, subject="another"))
    attempt = partial(greenroom.complete_consent, begun, "ben")
    assert refusal(attempt) is TikTokProblem.TIKTOK_STATE_INVALID
    assert tiktok.made == []


def test_a_consent_begun_before_a_new_invitation_connects_nobody(
    greenroom: Greenroom, tiktok: FakeTikTok, ben: Caller
) -> None:
    begun = greenroom.asks(ben)
    tiktok.next_steps["person"] = [lambda: invited_again(greenroom, ben, "subject-of-another")]
    attempt = partial(greenroom.complete_consent, begun, "ben")
    assert refusal(attempt) is ProblemCode.CHANGED_MEANWHILE
    assert tiktok.revoked == ["access-ben-1"]
    assert stored(greenroom, ben) is None


def test_a_late_grant_of_an_account_that_is_held_by_now_is_not_revoked(
    greenroom: Greenroom, tiktok: FakeTikTok, ben: Caller
) -> None:
    begun = greenroom.asks(ben)

    def connects_as_successor() -> None:
        successor = invited_again(greenroom, ben, "subject-of-another")
        greenroom.connect_account(successor, "ben")

    tiktok.next_steps["person"] = [connects_as_successor]
    attempt = partial(greenroom.complete_consent, begun, "ben")
    with pytest.raises(Problem):
        attempt()
    assert tiktok.revoked == []


# PKCE


def test_without_pkce_no_challenge_and_no_verifier_go_to_tiktok(
    greenroom: Greenroom, tiktok: FakeTikTok, ben: Caller
) -> None:
    begun = greenroom.asks(ben)
    greenroom.complete_consent(begun, "ben")
    assert "code_challenge" not in begun.authorize_url
    assert tiktok.verifiers == [None]


def test_with_pkce_the_code_comes_with_the_verifier_whose_hex_digest_was_the_challenge(
    greenroom: Greenroom, tiktok: FakeTikTok, dynamodb: Any, ben: Caller
) -> None:
    greenroom.container.settings = greenroom.settings.changed(tiktok_pkce=True)
    begun = greenroom.asks(ben)
    asked = parse_qs(urlsplit(begun.authorize_url).query)
    kept = everything(dynamodb)
    greenroom.complete_consent(begun, "ben")
    [verifier] = tiktok.verifiers
    assert verifier is not None
    assert asked["code_challenge"] == [hashlib.sha256(verifier.encode()).hexdigest()]
    assert asked["code_challenge_method"] == ["S256"]
    assert verifier not in kept
    assert verifier not in begun.authorize_url
    assert verifier != begun.nonce


def test_a_consent_is_finished_as_it_was_begun_though_the_stack_was_deployed_meanwhile(
    greenroom: Greenroom, tiktok: FakeTikTok, ben: Caller
) -> None:
    without = greenroom.asks(ben)
    greenroom.container.settings = greenroom.settings.changed(tiktok_pkce=True)
    with_pkce = greenroom.asks(ben)
    greenroom.complete_consent(without, "ben")
    greenroom.complete_consent(with_pkce, "ben")
    assert tiktok.verifiers[0] is None
    assert tiktok.verifiers[1] is not None


def test_a_removal_whose_word_was_lost_is_found_by_the_clock(
    greenroom: Greenroom, tiktok: FakeTikTok, ben: Caller
) -> None:
    greenroom.connect_account(ben, "ben")
    leaver = removed(greenroom, "cleo")
    assert renew(greenroom) == 0  # the stream may still tell of it
    greenroom.clock.advance(RELEASE_GRACE + SECOND)
    assert renew(greenroom) == 1
    assert stored(greenroom, leaver) is None
    assert tiktok.revoked == ["access-cleo-2"]
    assert stored(greenroom, ben) is not None
    assert renew(greenroom) == 0


def test_one_who_cannot_be_let_go_of_keeps_no_other_and_comes_again(
    greenroom: Greenroom, tiktok: FakeTikTok
) -> None:
    first, second = removed(greenroom, "cleo"), removed(greenroom, "dora")
    kept = stored(greenroom, first)
    assert kept is not None
    item = AccountItem(f"member#{first.owner}", "account")
    database().update(item, [AccountItem.tokens.set(b"damaged")])
    greenroom.clock.advance(RELEASE_GRACE + SECOND)
    with pytest.raises(ClientError):
        renew(greenroom)
    assert stored(greenroom, second) is None
    database().update(item, [AccountItem.tokens.set(kept.tokens)])
    assert renew(greenroom) == 1
    assert stored(greenroom, first) is None


def test_a_removal_that_is_told_twice_late_or_before_an_earlier_one_releases_each_member_once(
    greenroom: Greenroom, tiktok: FakeTikTok
) -> None:
    first, second = removed(greenroom, "cleo"), removed(greenroom, "dora")
    events = [
        Change(str(number), greenroom.clock.now(), {}, {}).event(
            member.program_id, MemberRemoved(member.member_id, "member", has_tiktok=True)
        )
        for number, member in enumerate((first, second))
    ]

    def told(*events: Event[Any]) -> list[str]:
        answer = performances_worker.disconnect_removed_members(
            greenroom.container.connections, queued(*events)
        )
        assert answer == {"batchItemFailures": []}
        return list(tiktok.revoked)

    assert told(events[1], events[0], events[1]) == ["access-dora-2", "access-cleo-1"]
    greenroom.container.members.invite(greenroom.manager, "dora@demo.example", None, Role.MEMBER)
    back = greenroom.sign_in("dora@demo.example")
    greenroom.clock.advance(SECOND)
    greenroom.connect_account(back, "dora")
    assert told(*events, *events) == ["access-dora-2", "access-cleo-1"]
    assert stored(greenroom, back) is not None


def test_the_schedule_skips_members_who_were_released_or_came_back(
    greenroom: Greenroom, tiktok: FakeTikTok, calls: Calls
) -> None:
    leaver, returner = removed(greenroom, "cleo"), removed(greenroom, "dora")
    greenroom.container.connections.release_removed_member(leaver.program_id, leaver.member_id)
    greenroom.clock.advance(RELEASE_GRACE + SECOND)
    back = greenroom.container.members.invite(
        greenroom.manager, "dora@demo.example", None, Role.MEMBER
    )
    assert back.member_id == returner.member_id
    returner = greenroom.sign_in("dora@demo.example")
    greenroom.clock.advance(SECOND)
    greenroom.connect_account(returner, "dora")
    revoked = list(tiktok.revoked)
    for _ in range(2):
        greenroom.container.tiktok.disconnect_removed_members()
    assert tiktok.revoked == revoked
    assert stored(greenroom, returner) is not None
    calls.made.clear()
    assert greenroom.container.tiktok.disconnect_removed_members() == 0
    assert calls.names == ["Query"]


def test_a_sweep_begins_nothing_more_when_its_time_is_up(
    greenroom: Greenroom, tiktok: FakeTikTok
) -> None:
    for name in ("cleo", "dora"):
        removed(greenroom, name)
    greenroom.clock.advance(RELEASE_GRACE + SECOND)
    answers = iter([False, True])
    assert greenroom.container.tiktok.disconnect_removed_members(lambda: next(answers)) == 1
    assert greenroom.container.tiktok.disconnect_removed_members() == 1


def test_a_release_that_fails_at_tiktok_is_retried_later(
    greenroom: Greenroom, tiktok: FakeTikTok
) -> None:
    leaver = removed(greenroom, "cleo")
    errors: list[TikTokError] = [
        TryLater("server_error"),
        TryNow("not_sent"),
        OutcomeUnknown("no_answer"),
    ]
    for error in errors:
        tiktok.next_steps["revoke"] = [error]
        with pytest.raises(type(error)):  # the stream brings it again
            greenroom.container.connections.release_removed_member(
                leaver.program_id, leaver.member_id
            )
        assert stored(greenroom, leaver) is not None
    tiktok.next_steps["revoke"] = [TryLater("server_error")]
    greenroom.clock.advance(RELEASE_GRACE + SECOND)
    assert renew(greenroom) == 0
    assert renew(greenroom) == 1
    assert tiktok.revoked == ["access-cleo-1"]
    assert stored(greenroom, leaver) is None


def test_tokens_that_tiktok_does_not_revoke_for_a_day_are_forgotten_all_the_same(
    greenroom: Greenroom, tiktok: FakeTikTok
) -> None:
    leaver = removed(greenroom, "cleo")
    greenroom.clock.advance(MAX_REVOKING_TIME)
    tiktok.next_steps["refresh"] = [TryLater("server_error")]
    assert renew(greenroom) == 1
    assert stored(greenroom, leaver) is None


def test_a_returned_member_does_not_keep_an_account_whose_release_failed(
    greenroom: Greenroom, tiktok: FakeTikTok
) -> None:
    leaver = removed(greenroom, "cleo")
    greenroom.clock.advance(SECOND)
    greenroom.container.members.invite(greenroom.manager, leaver.email, None, Role.MEMBER)
    back = greenroom.sign_in(leaver.email)
    tiktok.next_steps["revoke"] = [TryLater("server_error")]
    greenroom.container.connections.release_removed_member(leaver.program_id, leaver.member_id)
    assert stored(greenroom, back) is None
    assert greenroom.now(back).tiktok is None


def test_an_app_that_needs_pkce_connects_once_it_is_switched_on(
    sandboxed: SandboxedGreenroom,
) -> None:
    greenroom, sandbox = sandboxed.greenroom, sandboxed.sandbox
    eve = greenroom.member("eve")
    with sandbox.requiring_pkce():
        without = greenroom.asks(eve)
        page = requests.get(without.authorize_url, timeout=10)
        assert (page.status_code, "code_challenge" in page.text) == (400, True)
        greenroom.container.settings = greenroom.settings.changed(tiktok_pkce=True)
        begun = greenroom.asks(eve)
        came_back = sandbox.consent("eve", url=begun.authorize_url)
        stolen = sandbox.exchange(came_back["code"])
        assert stolen.json()["error"] == "invalid_request"
        connected = greenroom.complete_consent(begun, "eve", code=came_back["code"])
        assert connected.display_name == "eve"
