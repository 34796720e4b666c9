"""Campaigns: named, listed, archived; each name once among those that are not archived."""

from collections.abc import Callable
from datetime import timedelta

import pytest

from chalicelib.foundation.identity import Caller
from chalicelib.foundation.pages import Page
from chalicelib.foundation.problems import Code, Problem, ProblemCode
from chalicelib.programs.campaigns.service import CampaignService
from chalicelib.programs.campaigns.store import CampaignStore
from chalicelib.programs.model import Campaign, ChannelKind
from tests.integration.conftest import Calls
from tests.integration.database import database
from tests.integration.greenroom import Greenroom

UNKNOWN = "cmp_01hzzzzzzzzzzzzzzzzzzzzzzz"


class Company:
    def __init__(self, greenroom: Greenroom) -> None:
        self.greenroom, self.service = greenroom, greenroom.container.campaigns
        self.ana = greenroom.manager

    def makes(self, name: str, made_id: str | None = None) -> Campaign:
        self.greenroom.clock.advance(timedelta(milliseconds=1))
        return self.service.create(self.ana, name, made_id)

    def changes(
        self, campaign: Campaign, *, name: str | None = None, archived: bool | None = None
    ) -> Campaign:
        return self.service.change(self.ana, campaign.campaign_id, name=name, archived=archived)


@pytest.fixture
def company(greenroom: Greenroom) -> Company:
    return Company(greenroom)


@pytest.fixture
def foreign(greenroom: Greenroom) -> Caller:
    """The manager of another program."""
    greenroom.container.programs.create_program("Other", "UTC", "boss@other.example")
    return greenroom.sign_in("boss@other.example")


def refused(code: Code) -> "pytest.RaisesExc[Problem]":
    return pytest.RaisesExc(Problem, check=lambda problem: problem.code is code)


def test_a_campaign_is_made_and_other_rooms_can_read_it(company: Company, foreign: Caller) -> None:
    spring, programs = company.makes("Spring"), company.greenroom.container.programs
    assert (spring.name, spring.archived) == ("Spring", False)
    assert spring.created_at == company.greenroom.clock.now()
    assert programs.campaign(spring.program_id, spring.campaign_id) == spring
    assert programs.campaign(foreign.program_id, spring.campaign_id) is None
    assert programs.campaign(spring.program_id, UNKNOWN) is None


def test_the_same_request_again_makes_one(company: Company) -> None:
    assert company.makes("Spring", "made1").campaign_id == "cmp_made1"
    assert company.makes("Spring", "made1").name == "Spring"
    assert len(company.service.campaigns(company.ana, 10, None).items) == 1


def test_a_name_is_taken_once_among_those_not_archived(company: Company, foreign: Caller) -> None:
    spring = company.makes("Spring")
    for name in (" SPRING", "Spring\u200b", "Sp\u00adring"):
        with refused(ProblemCode.NAME_TAKEN):
            company.makes(name)
    assert company.service.create(foreign, "Spring").name == "Spring"
    assert company.changes(spring, archived=True).archived
    second = company.makes("Spring")
    with refused(ProblemCode.NAME_TAKEN):
        company.changes(spring, archived=False)
    company.changes(second, name="Summer")
    assert not company.changes(spring, archived=False).archived
    with refused(ProblemCode.NAME_TAKEN):
        company.changes(second, name="spring")
    assert company.changes(second, name="SUMMER").name == "SUMMER"


def test_a_change_to_the_same_value_is_not_written(company: Company, calls: Calls) -> None:
    spring = company.makes("Spring")
    calls.made.clear()
    assert company.changes(spring, name="Spring", archived=False) == spring
    assert company.changes(spring) == spring
    assert calls.names == ["GetItem"] * 2


def test_two_managers_changing_different_things_at_once_both_have_their_way(
    company: Company,
) -> None:
    spring = company.makes("Spring")

    class Raced(CampaignStore):
        meanwhile: Callable[[], object] | None = lambda: company.changes(spring, archived=True)

        def change(self, was: Campaign, becomes: Campaign) -> None:
            meanwhile, Raced.meanwhile = Raced.meanwhile, None
            if meanwhile:
                meanwhile()
            super().change(was, becomes)

    container = company.greenroom.container
    store = Raced(database())
    service = CampaignService(store, container.programs, container.cursors, container.clock)
    renamed = service.change(company.ana, spring.campaign_id, name="Summer", archived=None)
    assert (renamed.name, renamed.archived) == ("Summer", True)
    assert container.programs.campaign(spring.program_id, spring.campaign_id) == renamed
    company.makes("Spring")  # both names are free again
    company.makes("Summer")


def test_another_programs_campaign_is_not_there(company: Company, foreign: Caller) -> None:
    spring = company.makes("Spring")
    for campaign_id in (spring.campaign_id, UNKNOWN):
        with pytest.raises(Problem) as told:
            company.service.change(foreign, campaign_id, name="x", archived=True)
        assert str(told.value) == "not_found: There is no such campaign."
    assert company.service.campaigns(foreign, 10, None).items == ()


def test_campaigns_come_page_by_page_each_once_for_one_query(
    company: Company, calls: Calls
) -> None:
    made = [company.makes(f"Campaign {number}") for number in range(5)]
    company.greenroom.container.channels.create(company.ana, "A channel", ChannelKind.PUBLIC)
    assert company.service.campaigns(company.ana, 1, None).next_cursor  # fetches the cursors' key
    for limit in (1, 2, 3, 5):
        shown: list[Campaign] = []
        page: Page[Campaign] = Page((), None)
        while not shown or page.next_cursor:
            calls.made.clear()
            page = company.service.campaigns(company.ana, limit, page.next_cursor)
            assert calls.names == ["Query"]
            assert len(page.items) <= limit
            shown += page.items
        assert shown == made[::-1]
