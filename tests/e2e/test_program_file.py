"""A program's file, applied to the deployed stack by the owner's command."""

import json
import secrets
from pathlib import Path

from tests.e2e.deployed_stack import DeployedStack, create_program
from tests.e2e.people import Witness


def test_a_file_is_applied_written_and_audited(
    deployed: DeployedStack, witness: Witness, tmp_path: Path
) -> None:
    name = f"File {secrets.token_hex(4)}"
    program = create_program(deployed, witness, name=name)
    path = tmp_path / "program.toml"
    path.write_text(
        f"""program_id = {json.dumps(program.program_id)}
[settings]
disclosure = "#ad"
[[channels]]
name = "Sales"
kind = "private"
[[campaigns]]
name = "Spring"
[[roster]]
email = "kim@{name.lower().replace(" ", "-")}.example"
channels = ["Sales"]
[[rewards]]
title = "Mug"
price = 5
""",
        encoding="utf-8",
    )
    made = deployed.command("apply", str(path), "--yes")
    assert made.exit_code == 0, made.output
    assert "6 changes applied." in made.stdout
    again = deployed.command("apply", str(path), "--yes")
    assert again.stdout == "The program is as the file has it.\n"

    assert program.manager.get("/program").body["disclosure"] == "#ad"
    assert [each["title"] for each in program.manager.get("/rewards").body["items"]] == ["Mug"]
    entries = program.manager.get("/audit", actor="command", limit=50).body["items"]
    kinds = {each["kind"] for each in entries}
    assert kinds >= {
        *("program.changed", "channel.created", "campaign.created", "member.invited"),
        *("channel.members_added", "reward.created"),
    }

    written = deployed.command("export-program", "--program", program.program_id)
    assert written.exit_code == 0, written.output
    path.write_text(written.stdout, encoding="utf-8")
    same = deployed.command("apply", str(path), "--check", "--prune")
    assert (same.exit_code, same.stdout) == (0, "The program is as the file has it.\n")
