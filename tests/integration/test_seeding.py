"""The seeding command: a program of the size that was asked for, in which everything works."""

import json
from datetime import UTC, datetime

import pytest
from click.testing import CliRunner

from bench import seeding
from chalicelib.foundation.identity import Claims, Role
from chalicelib.points.periods import Period
from tests.integration.greenroom import Greenroom


def test_a_program_of_any_size_is_put_into_the_tables_and_can_be_used(
    greenroom: Greenroom, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = ("Programs", "Activities", "Marks", "Points", "Boards", "Performances", "Accounts")
    more = ("Uploads", "Idempotency", "Rewards", "Reports", "Audit", "Origins", "Notices")
    tables = {f"{name}Table": f"{name}Table" for name in (*names, *more)}
    monkeypatch.setattr(seeding, "_tables_of", lambda stack: tables if stack == "here" else {})
    size = {"members": 30, "activities": 60, "opened": 40, "channels": 21, "campaigns": 22}
    words = [word for name, many in size.items() for word in (f"--{name}", str(many))]
    result = CliRunner().invoke(
        seeding.main, ["--stack", "here", "--manager", "zoe@demo.example", *words]
    )
    assert result.exit_code == 0, result.output
    told = json.loads(result.stdout.splitlines()[-1])
    program_id = told.pop("program_id")
    assert told == size
    container, greenroom.clock.at = greenroom.container, datetime.now(UTC)
    assert container.points_rebuilder.findings(program_id, lambda _: None) == []
    zoe = container.programs.caller(Claims("subject-zoe", "zoe@demo.example", 0))
    assert (zoe.program_id, zoe.role) == (program_id, Role.MANAGER)
    assert container.points.leaderboard(zoe, Period.MONTH).count == size["members"]
    assert len(container.members.members(zoe, 100, None).items) == size["members"] + 1
    assert len(container.activities.feed(zoe, 100, None).items) == size["opened"] * 3 // 4
    assert len(container.channels.channels(zoe, 100, None).items) == size["channels"]
    assert len(container.campaigns.campaigns(zoe, 100, None).items) == size["campaigns"]


def test_a_deployment_that_is_not_on_this_machine_is_left_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    result = CliRunner().invoke(seeding.main, [])
    assert (result.exit_code, "AWS_ENDPOINT_URL" in result.output) == (1, True)
