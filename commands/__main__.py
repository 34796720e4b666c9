"""The owner's commands. Each can be run twice; each failure says what to do next."""

import json
from dataclasses import asdict

import click
from botocore.exceptions import BotoCoreError, ClientError
from pynamodb.exceptions import PynamoDBException

from chalicelib.foundation.identity import Role
from chalicelib.performances.model import OUT_OF_SIGHT_SECONDS, FailedMessage
from chalicelib.points.model import (
    CountDifference,
    Difference,
    NoSuchProgram,
    PlaceDifference,
    ScoreDifference,
    SizeDifference,
)
from chalicelib.programs.model import MemberStatus
from commands.stack import Stack

DIFFERENCES_STAY = MESSAGES_STAY = 3
FINDINGS = {
    "totals": Difference,
    "scores": ScoreDifference,
    "uncounted": CountDifference,
    "places": PlaceDifference,
    "sizes": SizeDifference,
}

_stack = click.option("--stack", default="greenroom", show_default=True, help="The stack's name.")


@click.group()
def main() -> None:
    """Run a deployed Greenroom."""


@main.group()
def program() -> None:
    """Programs: one company's advocacy program each."""


@program.command()
@_stack
@click.option("--name", required=True, help="The program's name, unique in this deployment.")
@click.option("--manager", required=True, help="E-mail of the first manager.")
@click.option("--member", "members", multiple=True, help="E-mail of a member; repeat for more.")
@click.option("--time-zone", default="UTC", show_default=True, help="Such as Europe/Berlin.")
def create(stack: str, name: str, manager: str, members: tuple[str, ...], time_zone: str) -> None:
    """Make a program with its first manager and members; what exists already stays.

    Who is new is mailed an invitation within minutes, like everybody whom a manager invites.
    """
    try:
        made = _create(Stack(stack), name, manager, members, time_zone)
    except ValueError as error:
        raise click.ClickException(f"{error} Correct it and run this again.") from error
    except (BotoCoreError, ClientError, PynamoDBException) as error:
        raise click.ClickException(f"{error}\nNothing is lost by running this again.") from error
    click.echo(json.dumps(made))


def _create(
    on: Stack, name: str, manager: str, members: tuple[str, ...], time_zone: str
) -> dict[str, object]:
    programs = on.house().programs
    made, first_manager, new = programs.create_program(name, time_zone, manager)
    click.echo(f"Program {made.name} {'made' if new else 'exists'}.", err=True)
    people = [first_manager]
    for email in members:
        member, invited = programs.invite(made, email, Role.MEMBER)
        removed = member.status is MemberStatus.REMOVED
        known = "was removed; only a manager can bring them back" if removed else "is in it already"
        click.echo(f"{member.email} {'invited' if invited else known}.", err=True)
        people.append(member)
    return {
        "program_id": made.program_id,
        "people": [
            {"member_id": each.member_id, "email": each.email, "role": each.role.value}
            for each in people
        ],
    }


@main.group()
def points() -> None:
    """Points: what the ledger says, and what is made from it."""


@points.command()
@_stack
@click.option("--program", "program_id", required=True, help="The program's id.")
@click.option("--repair", is_flag=True, help="Set what differs to what the ledger says.")
def rebuild(stack: str, program_id: str, repair: bool) -> None:
    """Compute totals, scores and boards from the ledger; exits 3 if any differ and stay so."""
    service = Stack(stack).house().rebuilding
    try:
        found = service.findings(program_id, lambda words: click.echo(words, err=True))
        for finding in found:
            click.echo(str(finding))
        left = service.repair(program_id, found) if repair else found
    except NoSuchProgram as error:
        raise click.ClickException(
            f"There is no program {program_id} on this stack. Check --program and --stack."
        ) from error
    except PynamoDBException as error:
        raise click.ClickException(f"{error}\nNothing is lost by running this again.") from error
    kinds = {name: sum(isinstance(each, kind) for each in found) for name, kind in FINDINGS.items()}
    click.echo(json.dumps({"program_id": program_id, "differences": len(found), **kinds}))
    if repair and left:
        click.echo(f"{len(left)} moved meanwhile and stay as they are. Run it again.", err=True)
    elif repair and found:
        click.echo(f"{len(found)} set right.", err=True)
    elif left:
        click.echo("Run it again to be sure, then with --repair.", err=True)
    if left:
        raise SystemExit(DIFFERENCES_STAY)


points.add_command(rebuild, "recompute")  # as it was called before there were boards


@main.group()
def staging() -> None:
    """Staging: what could not be handled."""


@staging.command()
@_stack
@click.option("--replay", is_flag=True, help="Queue what can be read again.")
def failed(stack: str, replay: bool) -> None:
    """Show the messages that were given up, and replay them; exits 3 if any stay."""
    on = Stack(stack)
    messages = on.house().failed_messages(on.outputs["StagingFailedUrl"])
    found = replayed = 0
    try:
        for message in messages.seen():
            found += 1
            again = replay and messages.replay(message)
            replayed += again
            click.echo(json.dumps(_told(message) | {"replayed": again}))
    except (BotoCoreError, ClientError) as error:
        raise click.ClickException(f"{error}\nNothing is lost by running this again.") from error
    click.echo(json.dumps({"failed": found, "replayed": replayed}))
    if found > replayed:
        click.echo(
            "What cannot be read cannot be replayed. It goes by itself after 14 days."
            if replay
            else "Mend what the log says of them, then run this with --replay. "
            f"They can be looked at again in {OUT_OF_SIGHT_SECONDS} seconds.",
            err=True,
        )
        raise SystemExit(MESSAGES_STAY)


def _told(message: FailedMessage) -> dict[str, object]:
    named = asdict(message.reference) if message.reference else {"body": message.body[:200]}
    return {"message_id": message.message_id, "sent_at": message.sent_at.isoformat(), **named}


@main.command()
@click.option("--check", is_flag=True, help="Write nothing; fail if the file is not up to date.")
def openapi(check: bool) -> None:
    """Write openapi.json from the routes and models."""
    from commands.openapi import FILE, written

    if check:
        if not FILE.is_file() or FILE.read_text(encoding="utf-8") != written():
            raise click.ClickException("openapi.json is not up to date. Run: make openapi")
        return
    FILE.write_text(written(), encoding="utf-8")
    click.echo(f"{FILE.name} written.", err=True)


if __name__ == "__main__":
    main(prog_name="python -m commands")
