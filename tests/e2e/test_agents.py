"""Agents at the deployed stack, with the protocol SDK's own client over both transports."""

import sys
from pathlib import Path
from typing import Any

import pytest
import requests
from mcp import Client

from chalicelib.activities.model import MAX_DRAFTS
from tests.e2e.deployed_stack import DeployedStack, Program
from tests.e2e.people import TIMEOUT_SECONDS, Api
from tests.mcp_clients import over_http, over_stdio, text_of


@pytest.fixture(scope="module")
def activity(berlin: Program, clips: Path) -> str:
    upload = berlin.manager.upload(clips / "demo.mp4")["upload_id"]
    made: str = berlin.manager.create(upload, instructions="Shown to agents")["activity_id"]
    return made


def token_of(person: Api) -> str:
    assert person.token is not None
    return person.token


def test_a_managers_agent_reads_everything_and_drafts(
    berlin: Program, activity: str, valid_upload: str
) -> None:
    campaign = berlin.manager.post("/campaigns", {"name": "Of agents"}).body["campaign_id"]
    channel = berlin.manager.post("/channels", {"name": "Of agents", "kind": "private"}).body
    reads: dict[str, dict[str, Any]] = {
        "read_feed": {},
        "read_leaderboard": {"period": "week"},
        "list_channels": {"limit": 1},
        "list_campaigns": {},
        "list_activities": {"limit": 1},
        "read_activity_report": {"activity_id": activity},
        "read_overview": {},
        "read_campaign_report": {"campaign_id": campaign},
        "read_worklist": {},
        "list_drafts": {},
    }

    async def use(client: Client) -> None:
        tools = {each.name for each in (await client.list_tools()).tools}
        assert tools == {*reads, "draft_activity"}
        for name, arguments in reads.items():
            failed, text = await text_of(client, name, **arguments)
            assert not failed, (name, text)
            assert "X-Amz-Signature" not in text
        wanted = {
            "instructions": "By an agent",
            "campaign_id": campaign,
            "channel_ids": [channel["channel_id"]],
        }
        failed, text = await text_of(client, "draft_activity", **wanted)
        assert not failed, text

    over_http(f"{berlin.manager.url}/mcp", token_of(berlin.manager), use)
    (draft,) = berlin.manager.get("/drafts").body["items"]
    assert draft["instructions"] == "By an agent"
    assert "By an agent" not in str(berlin.member.get("/feed").body)
    entries = berlin.manager.get("/audit", kind="agent.called", limit=50).body["items"]
    assert {each["thing"] for each in entries} == {*reads, "draft_activity"}
    assert berlin.manager.delete(f"/drafts/{draft['draft_id']}").status == 204
    assert berlin.manager.delete(f"/drafts/{draft['draft_id']}").problem == (404, "not_found")


def test_a_program_has_so_many_drafts(berlin: Program) -> None:
    made = [berlin.manager.post("/drafts", {"points": number}) for number in range(MAX_DRAFTS)]
    assert {each.status for each in made} == {201}
    assert berlin.manager.post("/drafts", {}).problem == (409, "limit_reached")
    for each in made:
        assert berlin.manager.delete(f"/drafts/{each.body['draft_id']}").status == 204


def test_a_members_agent_on_their_machine_has_no_managers_tools(
    berlin: Program, activity: str
) -> None:
    async def use(client: Client) -> None:
        tools = {each.name for each in (await client.list_tools()).tools}
        assert tools == {"read_feed", "read_leaderboard", "list_channels", "list_campaigns"}
        failed, text = await text_of(client, "read_feed")
        assert not failed
        assert activity in text
        failed, text = await text_of(client, "read_activity_report", activity_id=activity)
        assert failed
        assert "manager_only" in text

    words = ["-m", "commands", "agent", "--url", berlin.member.url]
    over_stdio(sys.executable, words, {"GREENROOM_TOKEN": token_of(berlin.member)}, use)


def test_an_agent_of_another_program_finds_nothing(manager: Api, activity: str) -> None:
    async def use(client: Client) -> None:
        failed, text = await text_of(client, "read_activity_report", activity_id=activity)
        assert failed
        assert "not_found" in text

    over_http(f"{manager.url}/mcp", token_of(manager), use)


def test_nobody_without_a_token_gets_past_the_authorizer(
    deployed: DeployedStack, member: Api
) -> None:
    address = f"{deployed.stack.api_url}/mcp"
    ping = {"jsonrpc": "2.0", "id": 1, "method": "ping"}
    answers = [
        requests.post(address, json=ping, headers=headers, timeout=TIMEOUT_SECONDS)
        for headers in ({}, {"Authorization": f"Bearer {token_of(member)[:-4]}AAAA"})
    ]
    assert [each.status_code for each in answers] == [401, 401]
    signed_in = {"Authorization": f"Bearer {token_of(member)}"}
    assert requests.get(address, headers=signed_in, timeout=TIMEOUT_SECONDS).status_code == 405
