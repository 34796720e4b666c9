"""A deployed stack of the tests' own: free ports, a folder of its own, stopped in the end."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from local import stack as stacks
from local.home import Home
from local.stack import RunningStack
from tests.e2e.calls import mark_beginning
from tests.e2e.deployed_stack import DeployedStack, Program, add_person, create_program
from tests.e2e.people import Api, Witness
from tests.e2e.tiktok_members import TikTokMembers, gather

HERE = Path(__file__).parent
LOOKS_BACK = "test_zz_"
TIKTOK_MEMBERS = 106


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What looks back at the whole run comes last."""
    items.sort(key=lambda item: item.path.parent == HERE and item.path.name.startswith(LOOKS_BACK))


@pytest.fixture(scope="session")
def stack(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RunningStack]:
    """The stack under test, with its AWS calls recorded.

    `--stack-home DIR` keeps one up between runs while working on tests.
    """
    chosen: Path | None = request.config.getoption("--stack-home")
    if chosen:
        home = Home(chosen.resolve())
        running = stacks.find(home)
        if not running:
            supervisor = stacks.start_in_background(home, ("--record-calls",))
            running = stacks.wait_until_ready(home, supervisor)
            supervisor.leave()
        yield running
        return
    home = Home(tmp_path_factory.mktemp("stack"))
    options = ("--record-calls", "--throwaway", "--without-console")
    supervisor = stacks.start_in_background(home, options)
    try:
        yield stacks.wait_until_ready(home, supervisor)
    finally:
        supervisor.stop()


@pytest.fixture(scope="session")
def deployed(stack: RunningStack) -> DeployedStack:
    return DeployedStack(stack)


@pytest.fixture(scope="session")
def witness(stack: RunningStack) -> Witness:
    return Witness()


@pytest.fixture(scope="session", autouse=True)
def beginning(deployed: DeployedStack) -> str:
    """A mark among the recorded calls: everything after it belongs to this run."""
    return mark_beginning(deployed)


def known(api: Api) -> Api:
    """The first request of a person binds their invitation; it shall not be one that is tested."""
    assert api.get("/me").status == 200
    return api


@pytest.fixture(scope="session")
def nobody(stack: RunningStack, witness: Witness) -> Api:
    """A client that is not signed in."""
    return Api(stack.api_url, witness)


@pytest.fixture(scope="session")
def manager(stack: RunningStack, witness: Witness) -> Api:
    return known(Api.of(stack, witness, stack.first("manager")))


@pytest.fixture(scope="session")
def member(stack: RunningStack, witness: Witness) -> Api:
    return known(Api.of(stack, witness, stack.first("member")))


@pytest.fixture(scope="session")
def berlin(deployed: DeployedStack, witness: Witness) -> Program:
    """A second program in the same deployment; its people live in Berlin."""
    program = create_program(deployed, witness, "Europe/Berlin")
    known(program.manager)
    known(program.member)
    return program


@pytest.fixture(scope="session")
def stranger(deployed: DeployedStack, witness: Witness) -> Api:
    """Somebody who can sign in and whom no program invited."""
    return Api.of(deployed.stack, witness, add_person(deployed, "stranger@nowhere.example"))


@pytest.fixture(scope="session")
def valid_upload(manager: Api, clips: Path) -> str:
    """The id of a valid upload, for whoever needs just any."""
    upload = manager.upload(clips / "demo.mp4")
    assert upload["status"] == "valid"
    return str(upload["upload_id"])


@pytest.fixture(scope="session")
def rejected_upload(manager: Api, clips: Path) -> str:
    upload = manager.upload(clips / "text.mp4")
    assert upload["status"] == "rejected"
    return str(upload["upload_id"])


@pytest.fixture(scope="session")
def tiktok_members(deployed: DeployedStack, witness: Witness) -> TikTokMembers:
    """A third program, whose members send videos to TikTok."""
    tiktok_members = gather(deployed, witness, TIKTOK_MEMBERS)
    known(tiktok_members.manager)
    return tiktok_members


@pytest.fixture(scope="session")
def valid(tiktok_members: TikTokMembers, clips: Path) -> str:
    """The id of a valid upload of the tiktok_members's program."""
    return str(tiktok_members.manager.upload(clips / "demo.mp4")["upload_id"])


@pytest.fixture
def whole_run(request: pytest.FixtureRequest) -> None:
    """For claims about all that a run did; a part of a run shows nothing about them."""
    options: Any = request.config.option
    collected = {item.path for item in request.session.items}
    missing = {file for file in HERE.glob("test_*.py") if file not in collected}
    if (
        missing
        or options.keyword
        or options.markexpr
        or any("::" in each for each in options.file_or_dir)
    ):
        pytest.skip("looks back at a run of all end-to-end tests, and this is a part of one")
