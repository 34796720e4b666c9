"""Running a program over HTTP: its settings, people, channels and campaigns."""

import re
import secrets
import time
from base64 import b64encode
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import pytest

from chalicelib.foundation.identity import Caller, Claims, Role
from chalicelib.foundation.problems import Code, Problem
from chalicelib.programs.model import MAX_CHANNELS, MAX_CHANNELS_OF_MEMBER, MemberStatus
from chalicelib.programs.problems import ProgramProblem
from tests.e2e.conftest import known
from tests.e2e.deployed_stack import DeployedStack, Program, add_person, an_hour_ago
from tests.e2e.people import Answer, Api, Witness, new_key

NOBODY, NOWHERE, NOTHING = (f"{kind}_01hzzzzzzzzzzzzzzzzzzzzzzz" for kind in ("mem", "chn", "cmp"))
ROUNDS = 6


@dataclass
class Company:
    """A program of this module's own, whose people sign in when they are asked for."""

    deployed: DeployedStack
    witness: Witness
    program_id: str
    domain: str

    def email(self, name: str) -> str:
        return f"{name}@{self.domain}"

    def signs_in(self, name: str) -> Api:
        """Let somebody sign in, who need not be a member."""
        person = add_person(self.deployed, self.email(name), self.program_id)
        return Api.of(self.deployed.stack, self.witness, person)

    def change(self, item: str, expression: str, **values: Any) -> None:
        """Change what lies in the table, beside the API."""
        self.deployed.table("ProgramsTable").update_item(
            Key={"program_id": self.program_id, "item": item},
            UpdateExpression=expression,
            ExpressionAttributeValues={f":{name}": value for name, value in values.items()},
        )


@pytest.fixture(scope="module")
def company(deployed: DeployedStack, witness: Witness) -> Company:
    domain = f"people-{secrets.token_hex(4)}.example"
    programs = deployed.container().programs
    made, _, _ = programs.create_program(domain, "Europe/Berlin", f"boss@{domain}")
    return Company(deployed, witness, made.program_id, domain)


@pytest.fixture(scope="module")
def boss(company: Company) -> Api:
    return known(company.signs_in("boss"))


@pytest.fixture(scope="module")
def ben(company: Company, boss: Api) -> Api:
    assert boss.post("/members", {"email": company.email("ben")}).status == 201
    return known(company.signs_in("ben"))


def id_of(api: Api) -> str:
    return str(api.get("/me").body["member_id"])


def made(answer: Answer, name: str) -> str:
    assert answer.status == 201, answer.body
    return str(answer.body[name])


# --- the program -------------------------------------------------------------------------------


def test_a_manager_sets_the_program_up(
    company: Company, boss: Api, ben: Api, berlin: Program
) -> None:
    before = boss.get("/program").body
    assert before["program_id"] == company.program_id
    assert (before["leaderboard"], before["rewards"], before["disclosure"]) == (True, True, "")
    changes = {
        "name": f"  {company.domain}   renamed ",
        "time_zone": "Asia/Tokyo",
        "leaderboard": False,
        "rewards": False,
        "disclosure": "#ad by us",
        "managers_on_leaderboard": False,
    }
    changed = boss.patch("/program", changes)
    assert changed.status == 200
    now = {"name": f"{company.domain} renamed", "version": before["version"] + 1}
    assert changed.body == before | changes | now
    assert boss.get("/program").body == changed.body
    # Ben has chosen no zone of his own.
    assert ben.get("/me").body["time_zone"] == "Asia/Tokyo"
    assert ben.get("/me").body["program"]["name"] == f"{company.domain} renamed"
    taken = berlin.manager.get("/program").body["name"]
    same = boss.patch("/program", {"name": taken})  # two programs may have one name
    assert (same.status, same.body["name"]) == (200, taken)
    assert boss.patch("/program", {}).body == same.body
    assert berlin.manager.get("/program").body["name"] == taken


# --- people ------------------------------------------------------------------------------------


def test_a_person_is_invited_made_a_manager_removed_and_back_again(
    company: Company, boss: Api
) -> None:
    wanted = {"email": company.email("Eve"), "name": "Eve Lin"}
    invited = boss.post("/members", wanted)
    member_id = made(invited, "member_id")
    assert (invited.body["status"], invited.body["role"]) == ("invited", "member")
    again = boss.post("/members", wanted)
    assert again.problem == (409, "already_a_member")
    assert again.body["member_id"] == member_id

    eve = known(company.signs_in("eve"))
    path = f"/members/{member_id}"
    assert boss.get(path).body == invited.body | {"status": "active", "invitation_mail": None}
    assert eve.get("/members").problem == (403, "manager_only")
    assert boss.patch(path, {"role": "manager"}).body["role"] == "manager"
    assert member_id in {each["member_id"] for each in eve.get("/members").body["items"]}
    assert boss.patch(path, {"role": "member"}).status == 200
    assert eve.get("/members").problem == (403, "manager_only")

    for _ in range(2):
        assert boss.delete(path).status == 204
        assert eve.get("/me").problem == (403, "not_a_member")
    assert boss.get(path).body["status"] == "removed"
    assert boss.patch(path, {"role": "manager"}).problem == (409, "member_removed")

    back = boss.post("/members", {"email": company.email("eve")})
    assert (back.status, back.body["member_id"], back.body["name"]) == (201, member_id, "Eve Lin")
    assert eve.get("/me").body["member_id"] == member_id  # with the very token she had


def test_an_invited_person_signs_in_with_the_mailed_password_and_joins(
    company: Company, boss: Api, nobody: Api, deployed: DeployedStack
) -> None:
    email = company.email("ida")
    with deployed.clock_stopped("ProgramsMailInvitations"):
        deployed.tick(
            "ProgramsMailInvitations"
        )  # with it a run that had begun is over, and nobody else is due
        path = f"/members/{made(boss.post('/members', {'email': email}), 'member_id')}"
        waiting = boss.post(f"{path}/invite")
        assert (waiting.status, waiting.body["invitation_mail"]) == (202, "waiting")
        assert deployed.tick("ProgramsMailInvitations") == 1
        (mail,) = deployed.mails_to(email)
        sent = boss.get(path).body
        assert (sent["invitation_mail"], sent["status"]) == ("handed_over", "invited")

        soon = boss.post(f"{path}/invite")
        assert soon.problem == (429, "too_many_requests")
        assert 0 < int(soon.headers["Retry-After"]) <= 600
        company.change(f"member#{sent['member_id']}", "SET mailed_at = :at", at=an_hour_ago())
        assert boss.post(f"{path}/invite").body["invitation_mail"] == "waiting"
        assert deployed.tick("ProgramsMailInvitations") == 1
        assert len(deployed.mails_to(email)) == 2

    (password,) = re.findall(r"^\S+$", mail.text, re.MULTILINE)
    chosen = f"Gr-{secrets.token_hex(12)}7"
    begun = nobody.post("/session", {"email": email, "password": password}).body
    assert begun["status"] == "new_password_required"
    told = nobody.post(
        "/session", {"email": email, "new_password": chosen, "challenge": begun["challenge"]}
    )
    ida = boss.with_token(told.body["id_token"])
    assert ida.get("/me").body["member_id"] == sent["member_id"]
    there = boss.get(path).body
    assert (there["status"], there["invitation_mail"]) == ("active", None)
    assert there["invitation_mailed_at"] is None
    assert boss.post(f"{path}/invite").problem == (409, "already_a_member")


def test_a_person_with_a_sign_in_is_not_mailed_another(
    company: Company, boss: Api, deployed: DeployedStack
) -> None:
    api = company.signs_in("una")
    with deployed.clock_stopped("ProgramsMailInvitations"):
        una = boss.post("/members", {"email": company.email("una")}).body
        deployed.tick("ProgramsMailInvitations")
    told = boss.get(f"/members/{una['member_id']}").body
    assert told["invitation_mail"] == "handed_over"
    assert deployed.mails_to(una["email"]) == []
    assert api.get("/me").body["member_id"] == una["member_id"]


def test_managers_find_people_by_address_by_name_and_by_what_they_are(
    company: Company, boss: Api
) -> None:
    invited = boss.post("/members", {"email": company.email("zora"), "name": "Zora  Ng"}).body
    for query in (
        {"email": company.email("zora").upper()},
        {"name": "zora n"},
        {"status": "invited", "role": "member"},
    ):
        found = boss.get("/members", **query).body
        assert [each["member_id"] for each in found["items"]] == [invited["member_id"]]
        assert found["next_cursor"] is None
    assert boss.delete(f"/members/{invited['member_id']}").status == 204
    gone = boss.get("/members", status="removed").body["items"]
    assert invited["member_id"] in {each["member_id"] for each in gone}
    managers = boss.get("/members", role="manager").body["items"]
    assert id_of(boss) in {each["member_id"] for each in managers}
    for query in ({"name": "z", "role": "member"}, {"name": " "}, {"status": "here"}):
        assert boss.get("/members", **query).problem == (422, "invalid_request")


def test_the_last_manager_stays(company: Company, boss: Api) -> None:
    path = f"/members/{id_of(boss)}"
    assert boss.delete(path).problem == (409, "last_manager")
    assert boss.patch(path, {"role": "member"}).problem == (409, "last_manager")
    assert boss.get("/me").body["role"] == "manager"


def test_a_roster_is_imported_with_a_word_on_each_line_and_may_be_sent_twice(
    company: Company, boss: Api, ben: Api
) -> None:
    new, old = company.email("new"), company.email("ben")
    roster = {"csv": f"\ufeffName;E-Mail;Role\r\nNew;{new};manager\r\n;{old};\r\n;nobody;\r\n"}
    first = boss.post("/members/import", roster)
    assert first.status == 200
    assert [first.body[each] for each in ("invited", "already_members", "problems")] == [1, 1, 1]
    lines = first.body["lines"]
    assert [each["line"] for each in lines] == [2, 3, 4]
    assert lines[1]["member_id"] == id_of(ben)
    assert lines[2]["problem"]["code"] == "invalid_email"
    second = boss.post("/members/import", roster).body
    assert [second[each] for each in ("invited", "already_members", "problems")] == [0, 2, 1]
    assert second["lines"][0]["member_id"] == lines[0]["member_id"]
    malformed = boss.post("/members/import", {"csv": f'email\n"{new}\n{old}\n'})
    assert [each["outcome"] for each in malformed.body["lines"]] == ["problem", "already_a_member"]
    nobody = boss.post("/members/import", {"csv": "name;role\nx;member\n"})
    assert nobody.problem == (422, "invalid_request")
    assert nobody.body["errors"][0]["code"] == "no_email_column"
    file = b64encode(f"E-Mail\tName\r\n{old}\tBen\r\n".encode("utf-16")).decode()
    assert boss.post("/members/import", {"csv_base64": file}).body["already_members"] == 1


# --- channels ----------------------------------------------------------------------------------


def test_channels_are_joined_left_filled_and_archived(
    company: Company, boss: Api, ben: Api
) -> None:
    sales, board = (
        made(boss.post("/channels", {"name": name, "kind": kind}), "channel_id")
        for name, kind in (("Sales", "public"), ("Board", "private"))
    )
    ben_id = id_of(ben)

    def seen(api: Api) -> dict[str, bool]:
        items = api.get("/channels").body["items"]
        return {each["channel_id"]: each["joined"] for each in items}

    assert list(seen(boss).items()) == [(board, False), (sales, False)]
    pages = boss.pages("/channels", 1)
    assert [[each["channel_id"] for each in page] for page in pages] == [[board], [sales]]
    assert seen(ben) == {sales: False}
    for _ in range(2):
        assert ben.call("PUT", f"/channels/{sales}/members/me").status == 204
    assert seen(ben) == {sales: True}
    people = boss.get(f"/channels/{sales}/members").body
    me = ben.get("/me").body
    shown = {name: me[name] for name in ("member_id", "email", "name", "role")}
    assert people == {"items": [shown | {"status": "active"}], "next_cursor": None}
    for _ in range(2):
        assert ben.delete(f"/channels/{sales}/members/me").status == 204
    assert seen(ben) == {sales: False}

    for _ in range(2):
        added = boss.post(f"/channels/{board}/members", {"member_ids": [ben_id, id_of(boss)]})
        assert added.status == 204
    assert seen(ben) == {sales: False, board: True}
    assert ben.delete(f"/channels/{board}/members/me").problem == (403, "forbidden")
    assert [len(page) for page in boss.pages(f"/channels/{board}/members", 1)] == [1, 1]
    for _ in range(2):
        assert boss.delete(f"/channels/{board}/members/{ben_id}").status == 204
    assert seen(ben) == {sales: False}
    stranger = boss.post(f"/channels/{board}/members", {"member_ids": [NOBODY]})
    assert (stranger.problem, stranger.body["errors"][0]["field"]) == (
        (422, "invalid_request"),
        "member_ids.0",
    )

    renamed = boss.patch(f"/channels/{sales}", {"name": "Market", "archived": True})
    assert renamed.body == {
        "channel_id": sales,
        "version": 2,
        "name": "Market",
        "kind": "public",
        "archived": True,
        "joined": False,
    }
    assert seen(ben) == {}
    assert ben.call("PUT", f"/channels/{sales}/members/me").problem == (404, "not_found")
    archived = (409, "channel_archived")
    assert boss.call("PUT", f"/channels/{sales}/members/me").problem == archived
    body = {"member_ids": [ben_id]}
    assert boss.post(f"/channels/{sales}/members", body).problem == archived
    taken = (409, "name_taken")
    assert boss.post("/channels", {"name": "board", "kind": "public"}).problem == taken
    assert boss.patch(f"/channels/{sales}", {"name": "Board", "archived": False}).problem == taken


def test_there_are_not_more_channels_than_the_limit(company: Company, boss: Api, ben: Api) -> None:
    old, new = (
        made(boss.post("/channels", {"name": name, "kind": "public"}), "channel_id")
        for name in ("Old", "New")
    )
    assert boss.patch(f"/channels/{old}", {"archived": True}).status == 200
    others = {f"chn_{number}" for number in range(MAX_CHANNELS)}
    company.change("channels", "ADD ids :ids", ids=others)
    refused = boss.post("/channels", {"name": "One more", "kind": "public"})
    assert refused.problem == (409, "limit_reached")
    assert refused.body["limit"] == MAX_CHANNELS
    unarchived = boss.patch(f"/channels/{old}", {"archived": False})
    assert unarchived.problem == (409, "limit_reached")
    company.change("channels", "DELETE ids :ids", ids=others)

    member = f"member#{id_of(ben)}"
    mine = {f"chn_{number}" for number in range(MAX_CHANNELS_OF_MEMBER)}
    company.change(member, "ADD channels :ids", ids=mine)
    for answer in (
        ben.call("PUT", f"/channels/{new}/members/me"),
        boss.post(f"/channels/{new}/members", {"member_ids": [id_of(ben)]}),
    ):
        assert answer.problem == (409, "limit_reached")
        assert answer.body["limit"] == MAX_CHANNELS_OF_MEMBER
    company.change(member, "DELETE channels :ids", ids=mine)


# --- campaigns ---------------------------------------------------------------------------------


def test_campaigns_are_made_renamed_and_archived(boss: Api) -> None:
    first, second = (
        made(boss.post("/campaigns", {"name": name}), "campaign_id") for name in ("Spring", "Fall")
    )
    assert boss.post("/campaigns", {"name": "SPRING"}).problem == (409, "name_taken")
    path = f"/campaigns/{first}"
    assert boss.patch(path, {"name": "Fall"}).problem == (409, "name_taken")
    changed = boss.patch(path, {"name": "Summer", "archived": True}).body
    assert (changed["name"], changed["archived"]) == ("Summer", True)
    listed = [each for page in boss.pages("/campaigns", 1) for each in page]
    assert [each["campaign_id"] for each in listed] == [second, first]
    assert listed[1] == changed


# --- what all of these routes answer -----------------------------------------------------------


@dataclass(frozen=True)
class Theirs:
    """Ids of another program."""

    member: str
    channel: str
    campaign: str


@pytest.fixture(scope="module")
def theirs(berlin: Program) -> Theirs:
    manager = berlin.manager
    channel = manager.post("/channels", {"name": f"Theirs {new_key()}", "kind": "public"})
    campaign = manager.post("/campaigns", {"name": f"Theirs {new_key()}"})
    return Theirs(id_of(berlin.member), made(channel, "channel_id"), made(campaign, "campaign_id"))


@pytest.fixture
def untouched(deployed: DeployedStack) -> Iterator[None]:
    """Nothing that is kept changes meanwhile."""
    with deployed.clock_stopped():
        before = deployed.state()
        yield
        assert deployed.state() == before


@pytest.mark.usefixtures("untouched")
def test_a_malformed_id_is_not_found(boss: Api) -> None:
    for strange in ("%00", "..%2Fme", "%F0%9F%92%83", "u" * 1500):
        assert boss.get(f"/members/{strange}").problem == (404, "not_found")
        assert boss.get(f"/channels/{strange}/members").problem == (404, "not_found")


def test_lists_hold_only_what_is_ones_own(boss: Api, berlin: Program, theirs: Theirs) -> None:
    for path, name, foreign in (
        ("/members", "member_id", theirs.member),
        ("/channels", "channel_id", theirs.channel),
        ("/campaigns", "campaign_id", theirs.campaign),
    ):
        assert foreign in {e[name] for page in berlin.manager.pages(path, 100) for e in page}
        assert foreign not in {e[name] for page in boss.pages(path, 100) for e in page}


def test_a_private_channel_is_not_learnt_of_by_its_id(boss: Api, ben: Api) -> None:
    listed = [each for page in boss.pages("/channels", 100) for each in page]
    private = next(each for each in listed if each["kind"] == "private")
    for method in ("PUT", "DELETE"):
        hidden = ben.call(method, f"/channels/{private['channel_id']}/members/me")
        unknown = ben.call(method, f"/channels/{NOWHERE}/members/me")
        assert (hidden.problem, hidden.raw) == ((404, "not_found"), unknown.raw)


BODIES: list[tuple[str, str, Any]] = [
    ("PATCH", "/program", {"disclosure": "x" * 201}),
    ("PATCH", "/program", {"time_zone": "Mars/Olympus"}),
    ("POST", "/members", {"email": "ben"}),
    ("POST", "/members/import", {"csv": ""}),
    ("PATCH", f"/members/{NOBODY}", {"role": "boss"}),
    ("POST", "/channels", {"name": " ", "kind": "public"}),
    ("PATCH", f"/channels/{NOWHERE}", {"name": "x" * 101}),
    ("POST", f"/channels/{NOWHERE}/members", {"member_ids": ["x"] * 101}),
    ("POST", "/campaigns", {"name": "x", "more": 1}),
    ("PATCH", f"/campaigns/{NOTHING}", {"archived": "yes"}),
]
LISTS = ("/members", "/channels", "/channels/{}/members", "/campaigns")


@pytest.mark.usefixtures("untouched")
def test_an_invalid_body_or_query_is_explained_and_changes_nothing(boss: Api) -> None:
    for method, path, body in BODIES:
        assert boss.call(method, path, json=body).problem == (422, "invalid_request")
        assert boss.call(method, path, body=b"{").problem == (400, "invalid_json")
        plain = boss.call(method, path, body=b"{}", headers={"Content-Type": "text/csv"})
        assert plain.problem == (415, "unsupported_media_type")
    for path in LISTS:
        assert boss.get(path.format(NOWHERE), limit=101).problem == (422, "invalid_request")


def test_a_cursor_is_good_for_one_list_of_one_program(boss: Api, theirs: Theirs) -> None:
    channel = boss.get("/channels", limit=1).body["items"][0]["channel_id"]
    other, campaigns = (
        boss.get(path, limit=1).body["next_cursor"] for path in ("/members", "/campaigns")
    )
    for path in LISTS:
        cursor = campaigns if path == "/members" else other
        assert boss.get(path.format(channel), cursor=cursor).problem == (400, "invalid_cursor")


@pytest.mark.parametrize(
    ("path", "body", "other"),
    [
        ("/members", lambda name: {"email": f"{name}@keys.example"}, {"email": "x@keys.example"}),
        (
            "/channels",
            lambda name: {"name": name, "kind": "public"},
            {"name": "x", "kind": "public"},
        ),
        ("/campaigns", lambda name: {"name": name}, {"name": "x"}),
    ],
    ids=["members", "channels", "campaigns"],
)
def test_a_key_makes_one_thing(
    boss: Api, deployed: DeployedStack, path: str, body: Callable[[str], Any], other: Any
) -> None:
    key = new_key()
    wanted = body(key)
    first = boss.post(path, wanted, key)
    assert first.status == 201
    again = boss.post(path, wanted, key)
    assert (again.raw, again.headers["Idempotency-Replayed"]) == (first.raw, "true")
    assert boss.post(path, other, key).problem == (422, "idempotency_key_reused")
    thing = str(first.body[f"{path.strip('/').removesuffix('s')}_id"])
    # As if the first one were still under way, and then as if it had broken after its writes.
    deployed.unfinish(thing, locked_until=int(time.time()) + 30)
    assert boss.post(path, wanted, key).problem == (409, "request_in_progress")
    deployed.unfinish(thing, locked_until=0)
    # Whom the clock has mailed since is not waiting any more.
    told = boss.post(path, wanted, key).body
    mail = ("invitation_mail", "invitation_mailed_at")
    assert told | dict.fromkeys(mail) == first.body | dict.fromkeys(mail)


# --- at the same moment ------------------------------------------------------------------------


def test_of_managers_who_unmake_each_other_at_one_moment_one_stays(deployed: DeployedStack) -> None:
    container = deployed.container()
    people = container.members
    program, _, _ = container.programs.create_program(
        f"duel {new_key()}", "UTC", f"m0@{new_key()}.example"
    )

    def join(email: str) -> Caller:
        container.programs.invite(program, email, Role.MANAGER)
        return container.programs.caller(Claims(new_key(), email, 0))

    def tried(attempt: Callable[[], object]) -> Code | None:
        try:
            attempt()
        except Problem as problem:
            return problem.code
        return None

    first = join(f"first@{new_key()}.example")
    with ThreadPoolExecutor(8) as threads:
        for _ in range(ROUNDS):
            second = join(f"second@{new_key()}.example")
            told = list(
                threads.map(
                    tried,
                    (
                        lambda: people.remove(first, second.member_id),  # noqa: B023  used at once
                        lambda: people.change_role(second, first.member_id, Role.MEMBER),  # noqa: B023  ditto
                    ),
                )
            )
            assert sorted(map(str, told)) == sorted(map(str, (None, ProgramProblem.LAST_MANAGER)))
            if told[0] is not None:
                first = second

        many = [first, *(join(f"{new_key()}@many.example") for _ in range(7))]
        told = list(threads.map(tried, [_demotion(people, each) for each in many]))
        assert told.count(ProgramProblem.LAST_MANAGER) == 1
        assert told.count(None) == len(many) - 1
    left = [
        each
        for each in container.programs.members(program.program_id)
        if each.role is Role.MANAGER and each.status is MemberStatus.ACTIVE
    ]
    assert len(left) == 1


def _demotion(people: Any, manager: Caller) -> Callable[[], object]:
    return lambda: people.change_role(manager, manager.member_id, Role.MEMBER)
