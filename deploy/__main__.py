"""Commands of `python -m deploy`, which the Makefile calls with `STAGE=`."""

import os
import sys
from collections.abc import Callable

import click
from botocore.exceptions import BotoCoreError, ClientError

from chalicelib.foundation.actors import acting, command
from commands.console import NotBuilt
from deploy.run import Deployer
from deploy.stage import Stage, load
from local.failure import Failure


def stage_option[**P, R](decorated: Callable[P, R]) -> Callable[P, R]:
    return click.option(
        "--stage",
        required=True,
        callback=lambda _context, _option, name: load(name),
        help="A file in deploy/, without .toml.",
    )(decorated)


yes_option = click.option("--yes", is_flag=True, help="Ask nothing, for machines.")
let_go_option = click.option(
    "--let-go", multiple=True, metavar="NAME", help="A table, bucket or the like to do without."
)
secret_option = click.option(
    "--secret-from-stdin", is_flag=True, help="Read TikTok's client secret from standard input."
)


def deployer(stage: Stage, *, yes: bool = True, let_go: tuple[str, ...] = ()) -> Deployer:
    os.environ["AWS_DEFAULT_REGION"] = os.environ["AWS_REGION"] = stage.region
    return Deployer(stage, ask=(lambda _question: True) if yes else click.confirm, let_go=let_go)


@click.group()
@click.pass_context
def cli(context: click.Context) -> None:
    """Bring Greenroom into an AWS account, and keep it running there."""
    context.with_resource(acting(command(f"deploy {context.invoked_subcommand}")))


@cli.command("deploy")
@stage_option
@yes_option
@let_go_option
@secret_option
@click.option("--allow-dirty", is_flag=True, help="Deploy what no commit has.")
def deploy_command(
    stage: Stage, *, yes: bool, let_go: tuple[str, ...], secret_from_stdin: bool, allow_dirty: bool
) -> None:
    """Create the stack, or bring it up to date."""
    secret = _secret() if secret_from_stdin else None
    run = deployer(stage, yes=yes, let_go=let_go)
    run.allow_dirty = allow_dirty
    outputs = run.deploy(secret)
    click.echo(outputs["ConsoleUrl"])


@cli.command("diff")
@stage_option
@let_go_option
def diff_command(stage: Stage, let_go: tuple[str, ...]) -> None:
    """Show what a deployment would change; change nothing."""
    deployer(stage, let_go=let_go).diff()


@cli.command("rollback")
@stage_option
@yes_option
def rollback_command(stage: Stage, *, yes: bool) -> None:
    """Bring the stack back to the deployment before the latest."""
    deployer(stage, yes=yes).rollback()


@cli.command("restore")
@stage_option
@yes_option
@click.option("--at", required=True, help="An instant, such as 2026-11-28T10:00:00Z.")
@click.option("--table", "only", multiple=True, help="This table alone, such as PointsTable.")
def restore_command(stage: Stage, *, yes: bool, at: str, only: tuple[str, ...]) -> None:
    """Have the stack use its tables as they were at an instant; those of now stay beside them."""
    deployer(stage, yes=yes).restore(at, only)


@cli.command("destroy")
@stage_option
@yes_option
@click.option("--confirm", default="", help="The stack's whole name; asked for unless given.")
def destroy_command(stage: Stage, *, yes: bool, confirm: str) -> None:
    """Delete the stack; tables, videos, people and secrets stay until you remove them."""
    typed = confirm or click.prompt(f"Type {stage.stack} to delete it", default="")
    deployer(stage, yes=yes).destroy(typed)


@cli.command("doctor")
@stage_option
def doctor_command(stage: Stage) -> None:
    """Show the steps left to do by hand; exit 3 if any is known to be undone."""
    if deployer(stage).doctor():
        sys.exit(3)


@cli.command("tiktok-review")
@stage_option
@yes_option
@click.option("--new-password", is_flag=True, help="Give the reviewer another password.")
def tiktok_review_command(stage: Stage, *, yes: bool, new_password: bool) -> None:
    """Prepare TikTok's app review: docs/tiktok-app.md."""
    deployer(stage, yes=yes).review(new_password=new_password)


@cli.command("secret")
@stage_option
@yes_option
def secret_command(stage: Stage, *, yes: bool) -> None:
    """Keep TikTok's client secret, which is read from standard input."""
    deployer(stage, yes=yes or not sys.stdin.isatty()).keep_secret(_secret())


@cli.command("logs")
@stage_option
@click.option("--function", required=True, help="Its name in infra/functions.yaml's spelling.")
@click.option("--minutes", default=30, show_default=True, type=click.IntRange(1, 10_000))
def logs_command(stage: Stage, function: str, minutes: int) -> None:
    """Print a function's log of the last minutes."""
    deployer(stage).logs(function, 60 * minutes)


@cli.command("console-url")
@stage_option
def console_url_command(stage: Stage) -> None:
    """Print where people open Greenroom."""
    click.echo(deployer(stage).console_url())


def _secret() -> str:
    if sys.stdin.isatty():
        secret: str = click.prompt("TikTok's client secret", hide_input=True)
    else:
        secret = sys.stdin.readline()
    if not secret.strip():
        raise Failure("No secret came on standard input.", "Type or pipe it: one line.")
    return secret.strip()


def main() -> int:
    try:
        cli.main(prog_name="python -m deploy", standalone_mode=False)
    except (Failure, NotBuilt) as failure:
        what, then = getattr(failure, "what", failure), getattr(failure, "next_step", "")
        click.echo(f"\n{what}\n{then}", err=True)
        return 1
    except (BotoCoreError, ClientError) as error:
        click.echo(f"\n{error}\nNothing is lost by running this again.", err=True)
        return 1
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except (click.Abort, KeyboardInterrupt):
        click.echo("\nStopped. What CloudFormation has begun goes on by itself.", err=True)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
