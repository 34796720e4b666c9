"""Joining, declining and leaving over HTTP, with a rival who invites first."""

import secrets

import pytest

from chalicelib.foundation.identity import Role
from tests.e2e.conftest import known
from tests.e2e.deployed_stack import DeployedStack, add_person
from tests.e2e.people import Api, Witness


class Town:
    """Two programs in one deployment, and people whom both may invite."""

    def __init__(self, deployed: DeployedStack, witness: Witness) -> None:
        self.deployed, self.witness = deployed, witness
        self.domain = f"joining-{secrets.token_hex(4)}.example"
        self.programs = deployed.container().programs
        made = {
            name: self.programs.create_program(
                f"{name} {self.domain}", "Europe/Berlin", f"{name}@{self.domain}"
            )[0]
            for name in ("rival", "acme")
        }
        self.ids = {name: program.program_id for name, program in made.items()}
        self.bosses = {name: known(self.person(name)) for name in made}

    def email(self, name: str) -> str:
        return f"{name}@{self.domain}"

    def person(self, name: str) -> Api:
        found = add_person(self.deployed, self.email(name))
        return Api.of(self.deployed.stack, self.witness, found)

    def invites(self, program: str, name: str, role: Role = Role.MEMBER) -> str:
        body = {"email": self.email(name), "role": role.value}
        answer = self.bosses[program].post("/members", body)
        assert answer.status == 201, answer.body
        return str(answer.body["member_id"])


@pytest.fixture(scope="module")
def town(deployed: DeployedStack, witness: Witness) -> Town:
    return Town(deployed, witness)


def told(api: Api) -> list[str]:
    return [each["program_id"] for each in api.get("/me/invitations").body["items"]]


def test_a_person_invited_by_two_programs_joins_one_and_declines_the_other(town: Town) -> None:
    town.invites("rival", "vic")
    acme_id = town.invites("acme", "vic", Role.MANAGER)
    vic = town.person("vic")
    asked = vic.get("/me")
    assert asked.problem == (403, "choose_program")
    assert [each["program_id"] for each in asked.body["invitations"]] == list(town.ids.values())
    assert told(vic) == list(town.ids.values())
    assert vic.delete(f"/me/invitations/{town.ids['rival']}").status == 204
    assert vic.delete(f"/me/invitations/{town.ids['rival']}").problem == (404, "not_found")
    joined = vic.post(f"/me/invitations/{town.ids['acme']}/accept")
    assert joined.body == {
        "program_id": town.ids["acme"],
        "member_id": acme_id,
        "role": "manager",
    }
    assert vic.get("/me").body["member_id"] == acme_id
    assert told(vic) == []


def test_a_person_in_another_companys_program_leaves_it_and_joins_their_own(town: Town) -> None:
    rival_id = town.invites("rival", "sam")
    sam = known(town.person("sam"))
    town.invites("acme", "sam")
    accept = f"/me/invitations/{town.ids['acme']}/accept"
    assert told(sam) == [town.ids["acme"]]
    assert sam.post(accept).problem == (409, "already_in_a_program")
    assert sam.delete("/me").status == 204
    left = town.bosses["rival"].get(f"/members/{rival_id}").body
    assert (left["status"], left["tiktok_account"]) == ("removed", None)
    assert sam.post(accept).status == 200
    assert sam.get("/me").body["program"]["program_id"] == town.ids["acme"]
    # The rival cannot bring them back by inviting them once more.
    town.invites("rival", "sam")
    assert sam.delete("/me").status == 204
    assert sam.get("/me").problem == (403, "choose_program")


def test_the_last_manager_cannot_leave(town: Town) -> None:
    boss = town.bosses["rival"]
    assert boss.delete("/me").problem == (409, "last_manager")
    assert boss.get("/me").status == 200


def test_an_invitation_of_somebody_else_is_not_there(town: Town, stranger: Api) -> None:
    town.invites("acme", "kim")
    for path in (
        f"/me/invitations/{town.ids['acme']}/accept",
        "/me/invitations/prg_unknown/accept",
    ):
        assert stranger.post(path).problem == (404, "not_found")
    assert told(stranger) == []
