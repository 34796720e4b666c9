"""`apply` and `export-program`: what an owner types, and what they are told."""

from pathlib import Path

import click
from botocore.exceptions import BotoCoreError, ClientError
from pynamodb.exceptions import PynamoDBException

from chalicelib.composition import Container
from chalicelib.foundation.problems import Problem
from chalicelib.programs.model import Program
from commands.program_file.applying import ProgramOnStack, Stopped
from commands.program_file.content import FileRefused, ProgramFile, read_file
from commands.program_file.plan import Options, Plan, planned
from commands.program_file.writing import written

DIFFERS = 3
"""Exit code: the program is not as the file has it, and was not made so."""
NOTHING = "The program is as the file has it."


def read(path: Path) -> ProgramFile:
    """Read a file for a command, which ends with the errors in it."""
    try:
        return read_file(path.read_bytes())
    except FileRefused as refused:
        raise click.ClickException(
            "\n".join([f"{path} was not applied.", *refused.errors])
        ) from refused


def apply(
    container: Container,
    file: ProgramFile,
    program_id: str | None,
    options: Options,
    *,
    check: bool,
    yes: bool,
) -> None:
    """Show what a file changes, ask, look again, apply.

    Ends with 3 where the program is left otherwise than the file has it: with `check`, and where
    somebody else changed it meanwhile.
    """
    on = ProgramOnStack(container, _id(file, program_id))
    shown = _plan(on, container, file, options)
    for note in shown.notes:
        click.echo(f"Note: {note}", err=True)
    if not shown.steps:
        click.echo(NOTHING)
        return
    click.echo("To become as the file has it, the program would:")
    _print_plan(shown)
    if check:
        raise SystemExit(DIFFERS)
    if not yes:
        click.confirm(f"Make these {len(shown.words)} changes?", abort=True)
    program = _program(on)
    state = on.state(program)
    now = planned(file, state, options, container.clock.now())
    if now.words != shown.words or now.problems:
        click.echo("The program was changed while you looked. Nothing was applied.", err=True)
        _print_difference(shown, now)
        raise SystemExit(DIFFERS)
    try:
        on.check_quota(now.steps)
        on.apply(state, now.steps, lambda words: click.echo(f"done: {words}"))
    except Stopped as stopped:
        left = len(now.steps) - stopped.made
        click.echo(f"Stopped at: {'; '.join(stopped.step.words)}", err=True)
        click.echo(
            f"{_reason(stopped.problem)}\n{left} of {len(now.steps)} steps are left. Run this "
            "again: it shows what is left, and goes on from there.",
            err=True,
        )
        raise SystemExit(DIFFERS) from stopped
    except Problem as problem:
        raise click.ClickException(f"{problem.detail}\nNothing was applied.") from problem
    click.echo(f"{len(now.words)} changes applied.")


def export(container: Container, program_id: str) -> str:
    """Return the file of a program that exists."""
    on = ProgramOnStack(container, program_id)
    return written(on.state(_program(on)))


def failed(error: BotoCoreError | ClientError | PynamoDBException) -> click.ClickException:
    """Return what a command ends with when AWS does not answer as it should."""
    return click.ClickException(f"{error}\nNothing is lost by running this again.")


def _plan(on: ProgramOnStack, container: Container, file: ProgramFile, options: Options) -> Plan:
    found = planned(file, on.state(_program(on)), options, container.clock.now())
    if found.problems:
        raise click.ClickException("\n".join(["Nothing was applied.", *found.problems]))
    return found


def _id(file: ProgramFile, program_id: str | None) -> str:
    named = file.content.program_id
    if program_id and named and program_id != named:
        raise click.ClickException(
            f"{file.at('program_id')}the file is for {named}, and --program says {program_id}. "
            "Take one of the two out."
        )
    found = program_id or named
    if not found:
        raise click.ClickException(
            'Which program? Write program_id = "prg_..." on the first line of the file, or give '
            "--program. `program create` makes one and prints its id."
        )
    return found


def _program(on: ProgramOnStack) -> Program:
    program = on.program()
    if program is None:
        raise click.ClickException(
            "There is no such program on this stack. Check its id and --stack."
        )
    return program


def _print_plan(plan: Plan) -> None:
    for words in plan.words:
        click.echo(f"  - {words}")


def _print_difference(shown: Plan, now: Plan) -> None:
    for problem in now.problems:
        click.echo(problem, err=True)
    for words in now.words:
        if words not in shown.words:
            click.echo(f"  now also: {words}", err=True)
    for words in shown.words:
        if words not in now.words:
            click.echo(f"  no longer: {words}", err=True)
    click.echo("Look at it again and run this once more.", err=True)


def _reason(problem: Problem) -> str:
    return "\n".join([problem.detail, *(f"{e.field}: {e.message}" for e in problem.errors)])
