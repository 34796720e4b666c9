"""The demo program and its four people: created once, and complete after every start."""

import contextlib
import json
import os
import secrets
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError

from local.aws import STACK_NAME, Aws
from local.failure import Failure, tail

PROGRAM_NAME = "Demo Coffee"
MANAGER = "manager@demo.example"
MEMBERS = ("ana@demo.example", "ben@demo.example", "chloe@demo.example")
ROLES = {MANAGER: "manager"} | dict.fromkeys(MEMBERS, "member")
COMMAND_SECONDS = 120
# Lies in the cloud itself, so that it comes and goes with the program it speaks of.
SEEDED = "/greenroom-local/demo-program"


def create_program(aws: Aws, project: Path) -> str | None:
    """Return the id of the demo program; create it by the command that creates one in AWS."""
    if not (project / "commands" / "__main__.py").is_file():
        return None
    try:
        return aws.ssm.get_parameter(Name=SEEDED)["Parameter"].get("Value")
    except ClientError as error:
        if error.response["Error"].get("Code") != "ParameterNotFound":
            raise
    program_id = new_program(aws, project, PROGRAM_NAME, MANAGER, MEMBERS)
    aws.ssm.put_parameter(Name=SEEDED, Value=program_id, Type="String", Overwrite=True)
    return program_id


def new_program(
    aws: Aws, project: Path, name: str, manager: str, members: Sequence[str] = ()
) -> str:
    """Create a program by the owner's command; return its id."""
    command = [sys.executable, "-m", "commands", "program", "create", "--stack", STACK_NAME]
    command += ["--name", name, "--manager", manager]
    for member in members:
        command += ["--member", member]
    ran = subprocess.run(
        command,
        cwd=project,
        env=os.environ | {"AWS_ENDPOINT_URL": aws.endpoint_url},
        capture_output=True,
        text=True,
        timeout=COMMAND_SECONDS,
        check=False,
    )
    program_id = program_id_in(ran.stdout)
    if ran.returncode != 0 or not program_id:
        raise Failure(
            f"The program {name} could not be made:\n" + tail(ran.stdout + ran.stderr),
            "make clean and make run start over.",
        )
    return program_id


def program_id_in(output: str) -> str | None:
    """Return the program id in the JSON that the command prints, alone or as its last line."""
    for text in (output, *reversed(output.strip().splitlines())):
        try:
            answer = json.loads(text)
        except ValueError:
            continue
        if isinstance(answer, dict) and answer.get("program_id"):
            return str(answer["program_id"])
    return None


def create_people(aws: Aws, user_pool_id: str, kept: dict[str, Any]) -> dict[str, str]:
    """Let all people sign in with the passwords kept for them; return these by address."""
    passwords: dict[str, str] = kept.setdefault("passwords", {})
    for email in ROLES:
        # The parts at both ends satisfy any usual password policy.
        password = passwords.setdefault(email, f"Gr-{secrets.token_hex(12)}7")
        with contextlib.suppress(aws.cognito.exceptions.UsernameExistsException):
            aws.cognito.admin_create_user(
                UserPoolId=user_pool_id,
                Username=email,
                UserAttributes=[
                    {"Name": "email", "Value": email},
                    {"Name": "email_verified", "Value": "true"},
                ],
                MessageAction="SUPPRESS",
            )
        aws.cognito.admin_set_user_password(
            UserPoolId=user_pool_id, Username=email, Password=password, Permanent=True
        )
    return {email: passwords[email] for email in ROLES}
