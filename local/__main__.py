"""Commands of `python -m local`, which the Makefile calls."""

import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import click
import requests

from local import console, layer, machine, mail, package, push_service, run, sbom, seed, stack
from local.failure import Failure
from local.home import DEFAULT_HOME, PROJECT, Home, is_held
from local.identity import sign_in
from local.process_environment import isolate_environment
from local.steps import Steps


def home_option[**P, R](command: Callable[P, R]) -> Callable[P, R]:
    return click.option(
        "--home",
        type=click.Path(path_type=Path, file_okay=False, resolve_path=True),
        default=DEFAULT_HOME,
        callback=lambda _context, _option, folder: Home(folder),
        help="The folder of the stack; .local unless given.",
    )(command)


@click.group()
def cli() -> None:
    """Run Greenroom on this machine."""


@cli.command("run")
@home_option
@click.option(
    "--project",
    type=click.Path(path_type=Path, exists=True, file_okay=False, resolve_path=True),
    default=PROJECT,
    help="The clone to package; this one unless given.",
)
@click.option("--record-calls", is_flag=True, help="Keep the AWS calls, for tests.")
@click.option("--throwaway", is_flag=True, help="Keep no state when it stops, for tests.")
@click.option("--without-console", is_flag=True, help="The API alone, for tests.")
@click.option("--in-background", is_flag=True, hidden=True)
def run_command(
    home: Home,
    project: Path,
    *,
    record_calls: bool,
    throwaway: bool,
    without_console: bool,
    in_background: bool,
) -> None:
    """Start the stack and stay with it."""
    if is_held(home):
        running = stack.find(home)
        if not running:
            click.echo("Another make run is just bringing the stack up; waiting for it ...")
            running = stack.wait_until_ready(home)
        click.echo(f"The stack is already running.\n\n{run.describe(running)}")
        return
    run.run(run.Choices(home, project, record_calls, throwaway, without_console, in_background))


@cli.command("stop")
@home_option
def stop_command(home: Home) -> None:
    """Stop the stack that runs in the background; keep its state."""
    click.echo("Stopped; its state is kept." if stack.stop(home) else "No stack is running here.")


@cli.command("demo")
@home_option
@click.option("--video", type=click.Path(path_type=Path), default=None)
@click.option("--leave", is_flag=True, help="Leave the stack running at the end.")
def demo_command(home: Home, video: Path | None, *, leave: bool) -> None:
    """Do the main job over HTTP, as its users would."""
    from local import demo  # noqa: PLC0415  only this command needs it

    sys.exit(demo.demo(home, video, leave=leave))


@cli.command("token")
@home_option
@click.argument("email", default=seed.MANAGER)
def token_command(home: Home, email: str) -> None:
    """Print a bearer token of a seeded person."""
    running = stack.find_or_fail(home)
    person = running.person(email)
    click.echo(sign_in(running.api_url, person.email, person.password))


@cli.command("mail")
@home_option
def mail_command(home: Home) -> None:
    """Print the mails that the stack would have sent, the latest last."""
    mails = mail.kept(stack.find_or_fail(home).content["aws"]["endpoint_url"])
    for each in mails:
        click.echo(f"To: {each.to}\nSubject: {each.subject}\n\n{each.text}\n")
    if not mails:
        click.echo("No mail yet. An invited person is mailed within a minute or two.", err=True)


@cli.command("push")
@home_option
@click.argument("email", required=False)
def push_command(home: Home, email: str | None) -> None:
    """Print the pushes that arrived; with EMAIL, have that person's pushes sent here."""
    running = stack.find_or_fail(home)
    if not running.console_url:
        raise Failure("This stack has no console, and so no push service.", "Run make run.")
    if email:
        person = running.person(email)
        push_service.subscribe_person(running, person)
        click.echo(f"Pushes to {person.email} arrive here: make push")
        return
    for each in push_service.kept(running.console_url):
        told = each["message"]
        click.echo(f"{told['title']}\n{told['body']}\n{running.console_url}{told['url']}\n")


@cli.command("package")
@click.option("--out", type=click.Path(path_type=Path, file_okay=False), default=None)
@click.option(
    "--layer",
    "given",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="A layer's zip that was built elsewhere.",
)
@click.option(
    "--arch",
    "architecture",
    type=click.Choice(layer.ARCHITECTURES),
    default=package.LAMBDA,
    show_default=True,
    help="What the functions run on; the stack's parameter Architecture says the same.",
)
def package_command(out: Path | None, given: Path | None, architecture: str) -> None:
    """Build the CloudFormation template, the zips and the console; print where they are."""
    steps = Steps(total=3)
    with steps.step("Building the media layer"):
        layer_zip = given or layer.build(architecture, steps.note).zip_file
        layer.require_ffprobe_in(layer_zip, architecture)
    with steps.step("Packaging the app with chalice package"):
        built = package.build(architecture=architecture)
    with steps.step("Building the console"):
        pages = console.build(steps.note)
    folder = out or built.folder
    folder.mkdir(parents=True, exist_ok=True)
    for file in (built.template_file, built.zip_file) if out else ():
        shutil.copyfile(file, folder / file.name)
    layer.with_library(layer_zip, built.library, architecture, folder / layer.MEDIA_ZIP_NAME)
    sbom.write(built.zip_file, folder / sbom.NAME)
    shutil.copytree(pages, folder / console.SOURCES, dirs_exist_ok=True)
    click.echo(folder)


@cli.command("pins")
def pins_command() -> None:
    """Write requirements.lock: hashes of the wheels for Lambda."""
    from local import pins  # noqa: PLC0415  only this command needs it

    pins.update([package.platform_tags(each) for each in layer.ARCHITECTURES])
    click.echo(f"{pins.LOCK.name} written.")


@cli.command("audit")
def audit_command() -> None:
    """Ask what is known against the packages; exit 1 if something is."""
    from local import audit  # noqa: PLC0415  only this command needs it

    raise SystemExit(audit.run(click.echo))


@cli.command("console")
def console_command() -> None:
    """Build the console and print where it is."""
    steps = Steps(total=1)
    with steps.step("Building the console"):
        built = console.build(steps.note)
    click.echo(built)


@cli.command("screenshots")
@click.option("--out", type=click.Path(path_type=Path, file_okay=False), default=None)
@click.option("--home", type=click.Path(path_type=Path, file_okay=False), default=None)
def screenshots_command(out: Path | None, home: Path | None) -> None:
    """Take a picture of every screen of the console."""
    from local import screenshots  # noqa: PLC0415  only this command needs it

    folder = out or DEFAULT_HOME / "screenshots"
    taken = screenshots.take(folder, Home(home.resolve()) if home else None)
    click.echo(f"{taken} pictures in {folder}")


@cli.command("demo-video")
@click.option(
    "--out",
    type=click.Path(path_type=Path, dir_okay=False, resolve_path=True),
    default=DEFAULT_HOME / "demo.mp4",
)
def demo_video_command(out: Path) -> None:
    """Film the main job in a browser, for TikTok's review of an app."""
    from local import demo_video  # noqa: PLC0415  only this command needs it

    seconds = demo_video.make(out)
    click.echo(f"{seconds:.0f} seconds in {out}")


def arch_option[**P, R](command: Callable[P, R]) -> Callable[P, R]:
    return click.option(
        "--arch",
        "architectures",
        multiple=True,
        type=click.Choice(layer.ARCHITECTURES),
        help="x86_64 or arm64, or both by naming it twice; this machine's unless given.",
    )(command)


@cli.command("layer")
@arch_option
def layer_command(architectures: tuple[str, ...]) -> None:
    """Build the media layer and print where it is."""
    for architecture in architectures or (machine.architecture(),):
        steps = Steps(total=1)
        with steps.step(f"Building the media layer for {architecture}"):
            made = layer.build(architecture, steps.note)
        click.echo(made.zip_file)


@cli.command("layer-check")
@arch_option
def layer_check_command(architectures: tuple[str, ...]) -> None:
    """Build the media layer twice, compare, and check what it can and cannot do."""
    for architecture in architectures or (machine.architecture(),):
        steps = Steps(total=1)
        with steps.step(f"Checking the media layer for {architecture}"):
            layer.check(architecture, steps.note)


@cli.command("clean")
@home_option
def clean_command(home: Home) -> None:
    """Stop the stack and delete its state."""
    if stack.stop(home):
        click.echo("Stopped the running stack.")
    home.forget()
    click.echo("The stack's state is gone; make run begins anew.")


def say(failure: Failure) -> None:
    click.echo(f"\n{failure.what}\n{failure.next_step}", err=True)


def main() -> int:
    isolate_environment()
    try:
        cli.main(prog_name="python -m local", standalone_mode=False)
    except Failure as failure:
        say(failure)
        return 1
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except (click.Abort, KeyboardInterrupt):
        click.echo("\nStopped.", err=True)
        return 130
    except requests.RequestException as error:
        say(Failure(f"The stack does not answer: {type(error).__name__}.", "Look at its logs."))
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
