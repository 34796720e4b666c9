"""The owner's commands. Each may be run twice; each failure says what to do next."""

import json
import os
import sys
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path

import boto3
import click
from botocore.exceptions import BotoCoreError, ClientError
from pynamodb.exceptions import PynamoDBException

from chalicelib.audit.model import Kind, act
from chalicelib.foundation.actors import acting, command
from chalicelib.foundation.acts import Act
from chalicelib.foundation.aws import client_config
from chalicelib.foundation.identity import Role, normalized_email
from chalicelib.performances.model import VISIBILITY_TIMEOUT_SECONDS, FailedMessage
from chalicelib.points.model import (
    CountDifference,
    NoSuchProgram,
    PlaceDifference,
    ScoreDifference,
    SizeDifference,
    TotalsDifference,
)
from chalicelib.programs.model import Member, MemberStatus, Program
from chalicelib.programs.service import ProgramService
from chalicelib.videos.model import DECIDED
from commands import console as console_files
from commands import redrive as redriving
from commands.program_file import commands as program_file
from commands.program_file.plan import Options
from commands.stack import Stack
from commands.token import NotSignedIn, sign_in

DIFFERENCES_STAY = MESSAGES_STAY = NOTHING_DONE = 3
FINDINGS = {
    "totals": TotalsDifference,
    "scores": ScoreDifference,
    "uncounted": CountDifference,
    "places": PlaceDifference,
    "sizes": SizeDifference,
}

_stack = click.option("--stack", default="greenroom", show_default=True, help="The stack's name.")


@click.group()
@click.pass_context
def main(context: click.Context) -> None:
    """Administer a deployed Greenroom."""
    context.with_resource(acting(command(str(context.invoked_subcommand))))


@main.group()
def console() -> None:
    """Manage the web console of a stack."""


@console.command()
@_stack
@click.option(
    "--folder",
    required=True,
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    help="The built console, as make package leaves it in OUT/console.",
)
def publish(stack: str, folder: Path) -> None:
    """Publish a built console."""
    found = Stack(stack)
    config = console_files.config_of(found.parameters, found.outputs, found.region)
    try:
        s3 = boto3.client("s3", config=client_config())
        files = console_files.publish(s3, found.outputs["ConsoleBucketName"], folder, config)
    except console_files.NotBuilt as error:
        raise click.ClickException(str(error)) from error
    except (BotoCoreError, ClientError) as error:
        raise click.ClickException(f"{error}\nNothing is lost by running this again.") from error
    click.echo(json.dumps({"files": files, "console_url": found.outputs["ConsoleUrl"]}))


@main.command()
@_stack
@click.option("--email", required=True, help="The address of somebody who has a sign-in.")
def token(stack: str, email: str) -> None:
    """Print a bearer token; the password is asked for, or is a line of standard input.

    A first password is exchanged for one of your own, and a code of your authenticator is asked
    for where there is one: each asked for too, or the line after the one before.
    """
    public_url = _public_url(Stack(stack))
    try:
        password = _password("Password")
        click.echo(
            sign_in(
                public_url,
                email,
                password,
                ask_new=lambda: _password("A new password"),
                ask_code=lambda: _password("The code that your authenticator shows"),
            )
        )
    except NotSignedIn as error:
        raise click.ClickException(str(error)) from error


def _public_url(stack: Stack) -> str:
    return stack.parameters.get("PublicUrl") or f"{stack.outputs['ConsoleUrl']}/v1"


def _password(words: str) -> str:
    if sys.stdin.isatty():
        typed: str = click.prompt(words, hide_input=True, err=True)
        return typed
    return sys.stdin.readline().rstrip("\r\n")


@main.group()
def authenticator() -> None:
    """Manage the second step of sign-ins."""


@authenticator.command()
@_stack
@click.option("--email", required=True, help="The address of somebody who has lost theirs.")
def reset(stack: str, email: str) -> None:
    """Let a person sign in without the authenticator that they have lost.

    Be sure that it is they who ask. The next sign-in takes the password alone; a manager, where
    managers need an authenticator, then sets up another one.
    """
    on = Stack(stack)
    pool_id = on.outputs["UserPoolId"]
    cognito = boto3.client("cognito-idp", config=client_config())
    try:
        username = normalized_email(email)
        known = cognito.admin_get_user(UserPoolId=pool_id, Username=username)
        _audit_reset(on, {each["Name"]: each["Value"] for each in known["UserAttributes"]}["sub"])
        cognito.admin_set_user_mfa_preference(
            UserPoolId=pool_id,
            Username=username,
            SoftwareTokenMfaSettings={"Enabled": False, "PreferredMfa": False},
        )
    except ValueError as error:
        raise click.ClickException(f"{error} Correct it and run this again.") from error
    except (BotoCoreError, ClientError) as error:
        raise click.ClickException(f"{error}\nNothing is lost by running this again.") from error
    click.echo(json.dumps({"email": email, "authenticator": "none"}))


def _audit_reset(on: Stack, subject: str) -> None:
    """Return the program of the person, if they are in one, before the step is taken away.

    The user pool takes part in no transaction: a reset that fails after this is on the trail too.
    """
    container = on.container()
    member = container.programs.member_of_subject(subject)
    if member is not None:
        reset = act(Kind.AUTHENTICATOR_RESET, member.program_id, member.member_id)
        container.audit_recorder.commit_act(reset)


@main.group()
def program() -> None:
    """Create programs, and invite people to them."""


@program.command()
@_stack
@click.option("--name", required=True, help="The program's name.")
@click.option("--manager", required=True, help="E-mail of the first manager.")
@click.option("--member", "members", multiple=True, help="E-mail of a member; repeat for more.")
@click.option("--time-zone", default="UTC", show_default=True, help="Such as Europe/Berlin.")
def create(stack: str, name: str, manager: str, members: tuple[str, ...], time_zone: str) -> None:
    """Create a program with its first manager and members.

    The same name and manager again mean the same program, which stays as it is. New people are
    mailed an invitation within minutes.
    """
    try:
        made = _create(Stack(stack), name, manager, members, time_zone)
    except ValueError as error:
        raise click.ClickException(f"{error} Correct it and run this again.") from error
    except (BotoCoreError, ClientError, PynamoDBException) as error:
        raise click.ClickException(f"{error}\nNothing is lost by running this again.") from error
    click.echo(json.dumps(made))


@program.command()
@_stack
@click.option("--program", "program_id", required=True, help="The program's id.")
@click.option("--manager", "managers", multiple=True, help="E-mail of a manager; repeat for more.")
@click.option("--member", "members", multiple=True, help="E-mail of a member; repeat for more.")
def invite(
    stack: str, program_id: str, managers: tuple[str, ...], members: tuple[str, ...]
) -> None:
    """Invite managers and members to a program, for instance when its last manager has left."""
    try:
        programs = Stack(stack).container().programs
        known = programs.program(program_id)
        if known is None:
            raise click.ClickException(
                f"There is no program {program_id} on this stack. Check --program and --stack."
            )
        people = _invite(programs, known, managers, Role.MANAGER)
        people += _invite(programs, known, members, Role.MEMBER)
    except ValueError as error:
        raise click.ClickException(f"{error} Correct it and run this again.") from error
    except (BotoCoreError, ClientError, PynamoDBException) as error:
        raise click.ClickException(f"{error}\nNothing is lost by running this again.") from error
    click.echo(json.dumps(_shown(known, people)))


def _create(
    on: Stack, name: str, manager: str, members: tuple[str, ...], time_zone: str
) -> dict[str, object]:
    programs = on.container().programs
    made, first_manager, new = programs.create_program(name, time_zone, manager)
    click.echo(f"Program {made.name} {'created' if new else 'exists already'}.", err=True)
    return _shown(made, [first_manager, *_invite(programs, made, members, Role.MEMBER)])


def _invite(
    programs: ProgramService, to: Program, emails: Iterable[str], role: Role
) -> list[Member]:
    people = []
    for email in emails:
        member, invited = programs.invite(to, email, role)
        removed = member.status is MemberStatus.REMOVED
        known = "was removed; only a manager can invite again" if removed else "is in it already"
        click.echo(f"{member.email} {'invited' if invited else known}.", err=True)
        people.append(member)
    return people


def _shown(program: Program, people: Iterable[Member]) -> dict[str, object]:
    return {
        "program_id": program.program_id,
        "people": [
            {"member_id": each.member_id, "email": each.email, "role": each.role.value}
            for each in people
        ],
    }


def _rebuilt(kind: Kind, program_id: str, differences: int) -> Act:
    """Return the act of a repair; each of its corrections is a write of its own after it."""
    return act(kind, program_id, program_id, after={"differences": differences})


@main.command()
@_stack
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option("--program", "program_id", help="The program's id, unless the file says it.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option("--check", is_flag=True, help="Change nothing; exit 3 if the program differs.")
@click.option("--prune", is_flag=True, help="Remove what the lists of the file do not name.")
@click.option("--invite-again", is_flag=True, help="Also people who were removed, or left.")
def apply(
    stack: str,
    file: Path,
    program_id: str | None,
    *,
    yes: bool,
    check: bool,
    prune: bool,
    invite_again: bool,
) -> None:
    """Make a program what a file says: docs/program-as-code.md.

    Shows the differences in words and asks. Keeps what the file does not name, unless --prune is
    given. Run twice it changes nothing; exit 3 if the program is left otherwise than the file.
    """
    content = program_file.read(file)
    options = Options(prune=prune, invite_again=invite_again)
    try:
        container = Stack(stack).container()
        program_file.apply(container, content, program_id, options, check=check, yes=yes)
    except (BotoCoreError, ClientError, PynamoDBException) as error:
        raise program_file.failed(error) from error


@main.command("export-program")
@_stack
@click.option("--program", "program_id", required=True, help="The program's id.")
def export_program(stack: str, program_id: str) -> None:
    """Print a program as a file for `apply`. It names members by their e-mail addresses."""
    try:
        click.echo(program_file.export(Stack(stack).container(), program_id), nl=False)
    except (BotoCoreError, ClientError, PynamoDBException) as error:
        raise program_file.failed(error) from error


@main.command()
@_stack
@click.option("--url", help="The API's address, if it is not to be asked of the stack.")
def agent(stack: str, url: str | None) -> None:
    """Speak the Model Context Protocol on standard input and output: docs/agents.md.

    For agents on this machine that start their servers themselves. The bearer token, as `token`
    prints one, is read from GREENROOM_TOKEN.
    """
    from commands import agent as bridge

    token = os.environ.get(bridge.TOKEN, "").strip()
    if not token:
        raise click.ClickException(
            f"{bridge.TOKEN} is not set. Put there what `token --email ...` prints."
        )
    public_url = url or _public_url(Stack(stack))
    bridge.serve(f"{public_url}/mcp", token, sys.stdin.buffer, sys.stdout.buffer)


@main.group()
def points() -> None:
    """Check points against the ledger."""


@points.command()
@_stack
@click.option("--program", "program_id", required=True, help="The program's id.")
@click.option("--repair", is_flag=True, help="Correct what differs from the ledger.")
def rebuild(stack: str, program_id: str, repair: bool) -> None:
    """Compute totals, scores and boards from the ledger; exit 3 if differences stay."""
    container = Stack(stack).container()
    service = container.points_rebuilder
    try:
        found = service.findings(program_id, lambda words: click.echo(words, err=True))
        for finding in found:
            click.echo(str(finding))
        if repair and found:
            container.audit_recorder.commit_act(
                _rebuilt(Kind.POINTS_REBUILT, program_id, len(found))
            )
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
        click.echo(f"{len(left)} changed meanwhile and stay as they are. Run it again.", err=True)
    elif repair and found:
        click.echo(f"{len(found)} corrected.", err=True)
    elif left:
        click.echo("Run it again to be sure, then with --repair.", err=True)
    if left:
        raise SystemExit(DIFFERENCES_STAY)


@main.group()
def reports() -> None:
    """Check reports against the tables."""


@reports.command("rebuild")
@_stack
@click.option("--program", "program_id", required=True, help="The program's id.")
@click.option("--repair", is_flag=True, help="Count what is missing, and correct sums.")
def rebuild_reports(stack: str, program_id: str, repair: bool) -> None:
    """Count reports again from the tables; exit 3 if differences stay."""
    container = Stack(stack).container()
    service = container.reports_rebuilder

    def say(words: str) -> None:
        click.echo(words, err=True)

    try:
        found = service.findings(program_id, say)
        for finding in found:
            click.echo(str(finding))
        if repair and found:
            container.audit_recorder.commit_act(
                _rebuilt(Kind.REPORTS_REBUILT, program_id, len(found))
            )
        left = service.repair(program_id, found, say) if repair else found
    except NoSuchProgram as error:
        raise click.ClickException(
            f"There is no program {program_id} on this stack. Check --program and --stack."
        ) from error
    except PynamoDBException as error:
        raise click.ClickException(f"{error}\nNothing is lost by running this again.") from error
    click.echo(json.dumps({"program_id": program_id, "differences": len(found)}))
    if repair and found:
        click.echo(f"{len(found) - len(left)} corrected, {len(left)} left.", err=True)
    if left:
        click.echo(
            "Run it again; what happens meanwhile may seem to differ."
            if repair
            else "Run it again to be sure, then with --repair.",
            err=True,
        )
        raise SystemExit(DIFFERENCES_STAY)


points.add_command(rebuild, "recompute")  # as it was called before there were boards


@main.group()
def events() -> None:
    """Handle events that consumers gave up; describe public ones."""


@events.command()
@click.option("--check", is_flag=True, help="Write nothing; fail if a file is not up to date.")
def schemas(check: bool) -> None:
    """Write the JSON schemas of public events into docs/events."""
    from commands import event_schemas

    if check:
        if differing := event_schemas.differing():
            raise click.ClickException(
                f"Not up to date: {', '.join(differing)}. Run: make event-schemas"
            )
        return
    event_schemas.write()
    click.echo(f"{len(event_schemas.documents())} schemas written.", err=True)


@events.command()
@_stack
@click.option("--function", help="Only this function, such as PointsMarkChangedLeaderboards.")
@click.option("--most", type=click.IntRange(min=1), help="Of each function, at most so many.")
def redrive(stack: str, function: str | None, most: int | None) -> None:
    """Send messages in consumers' dead-letter queues back to where they came from."""
    outputs = Stack(stack).outputs
    sqs = boto3.client("sqs", config=client_config())
    try:
        found = list(redriving.consumers(sqs, outputs))
        chosen = [each for each in found if function in (None, each.function)]
        if not chosen:
            names = ", ".join(each.function for each in found)
            raise click.ClickException(f"There is no such consumer. There are: {names or 'none'}.")
        for each in chosen:
            moved = redriving.redrive(sqs, each, most)
            click.echo(json.dumps({"function": each.function, "redriven": moved}))
    except (BotoCoreError, ClientError) as error:
        raise click.ClickException(f"{error}\nNothing is lost by running this again.") from error


@events.command()
@_stack
def failures(stack: str) -> None:
    """Count what functions gave up, by queue of failures and function; exit 3 if there is any."""
    sqs = boto3.client("sqs", config=client_config())
    found = 0
    try:
        for queue, counted in redriving.waiting(sqs, Stack(stack).outputs):
            found += sum(counted.values())
            click.echo(json.dumps({"queue": queue, "messages": counted}))
    except (BotoCoreError, ClientError) as error:
        raise click.ClickException(f"{error}\nNothing is lost by running this again.") from error
    click.echo(json.dumps({"given_up": found}))
    if found:
        raise SystemExit(MESSAGES_STAY)


@main.group()
def uploads() -> None:
    """Handle uploads whose validation came to no end."""


@uploads.command()
@_stack
@click.option("--program", "program_id", required=True, help="The program's id.")
@click.option("--upload", "upload_id", required=True, help="The upload's id.")
def revalidate(stack: str, program_id: str, upload_id: str) -> None:
    """Have an upload without a verdict validated again; exit 3 if there is nothing to do."""
    try:
        sweeper = Stack(stack).container().stuck_uploads
        upload, announced = sweeper.validate_again(program_id, upload_id)
    except (BotoCoreError, ClientError, PynamoDBException) as error:
        raise click.ClickException(f"{error}\nNothing is lost by running this again.") from error
    if upload is None:
        raise click.ClickException(
            f"There is no upload {upload_id} in {program_id}."
            " Check --upload, --program and --stack."
        )
    click.echo(
        json.dumps({"upload_id": upload_id, "status": upload.state.value, "announced": announced})
    )
    if not announced:
        click.echo(
            "It has its verdict, which stays; a file that was refused is gone and has to be"
            " uploaded again."
            if upload.state in DECIDED
            else "Its file has not come. Its form is good for a while; then it ends by itself.",
            err=True,
        )
        raise SystemExit(NOTHING_DONE)


@main.group()
def staging() -> None:
    """Handle stagings that failed."""


@staging.command()
@_stack
@click.option("--replay", is_flag=True, help="Queue the messages that can be read.")
def failed(stack: str, replay: bool) -> None:
    """Show the messages of failed stagings, and replay them; exit 3 if any stay."""
    on = Stack(stack)
    messages = on.container().failed_messages(on.outputs["StagingFailedUrl"])
    found = replayed = 0
    try:
        for message in messages.iterate():
            found += 1
            again = replay and messages.replay(message)
            replayed += again
            click.echo(json.dumps(_shown_message(message) | {"replayed": again}))
    except (BotoCoreError, ClientError) as error:
        raise click.ClickException(f"{error}\nNothing is lost by running this again.") from error
    click.echo(json.dumps({"failed": found, "replayed": replayed}))
    if found > replayed:
        click.echo(
            "Messages that cannot be read cannot be replayed. They expire after 14 days."
            if replay
            else "Fix what the log says of them, then run this with --replay. "
            f"They can be shown again in {VISIBILITY_TIMEOUT_SECONDS} seconds.",
            err=True,
        )
        raise SystemExit(MESSAGES_STAY)


def _shown_message(message: FailedMessage) -> dict[str, object]:
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
