"""Start a stack step by step, stay with it, and stop it in order."""

import contextlib
import json
import signal
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any
from urllib.parse import urlsplit

import requests
from botocore.exceptions import ClientError

from commands.console import config_of, publish
from local import (
    cloud,
    console,
    deploy,
    ffprobe,
    front,
    machine,
    mail,
    package,
    ports,
    processes,
    push_service,
    seed,
    stored_schema,
    tiktok,
    workarounds,
)
from local.aws import STACK_NAME, Aws
from local.failure import Failure
from local.home import PROJECT, Home, held, read_json, write_private
from local.process_environment import REGION
from local.stack import RunningStack
from local.steps import Steps
from local.tiktok import TikTok

WATCH_SECONDS = 0.5
FIRST_ANSWER_SECONDS = 60.0
TIMEOUT_SECONDS = 30
NOTICES_FROM = f"news@{mail.DOMAIN}"
PREFERRED_PORTS = {
    "cloud": cloud.PREFERRED_PORT,
    "tiktok": tiktok.PREFERRED_PORT,
    "front": front.PREFERRED_PORT,
}


class StackStopped(BaseException):
    """Ctrl-C or SIGTERM; not an error, so that nothing catches it."""


@dataclass(frozen=True)
class Choices:
    home: Home
    project: Path = PROJECT
    record_calls: bool = False
    # Nothing of it is kept when it stops: a stack of tests.
    throwaway: bool = False
    # The API alone, for those who need no pages: a console not built before takes a while.
    without_console: bool = False
    # The output of a background run ends in a log, where no password belongs.
    in_background: bool = False


def run(choices: Choices) -> None:
    """Run the stack until Ctrl-C or SIGTERM, then stop it and keep its state."""
    started = time.monotonic()
    with held(choices.home) as say_ready, _raise_on_signals():
        try:
            with _start_stack(choices) as (stack, children):
                say_ready()
                print(f"Up in {time.monotonic() - started:.1f} s.", flush=True)
                if not choices.in_background:
                    print(
                        f"\n{describe(stack)}\n\nCtrl-C stops it and keeps its state.", flush=True
                    )
                _watch(children)
        except StackStopped:
            print("Stopped. make run brings it back.", flush=True)


def describe(stack: RunningStack) -> str:
    """Describe for people where everything is and how to sign in."""
    content = stack.content
    lines = [
        f"  Console        {stack.console_url or 'none'}",
        f"  API            {stack.api_url}",
        f"  TikTok         {stack.tiktok_url or 'none'}",
        f"  AWS endpoint   {content['aws']['endpoint_url']} (region {content['aws']['region']},"
        " access key test, secret key test)",
        f"  Key set        {stack.identity['key_set_url']}",
        f"  Logs           {content['logs']['folder']}",
        f"  All of it      {stack.home.stack_file}",
        "",
        "  Sign in as",
    ]
    lines += [f"    {user.role:<8} {user.email:<22} {user.password}" for user in stack.people]
    lines += ["", f"  A bearer token:  make token EMAIL={seed.MANAGER}"]
    shown = f", or {stack.console_url}{front.MAILS}" if stack.console_url else ""
    lines += [f"  Mails it would have sent:  make mail{shown}"]
    if stack.console_url:
        lines += [f"  Pushes that arrived:  make push, or {stack.console_url}{push_service.PAGE}"]
    return "\n".join(lines)


@contextlib.contextmanager
def _start_stack(
    choices: Choices,
) -> Iterator[tuple[RunningStack, dict[str, subprocess.Popen[bytes]]]]:
    home, steps = choices.home, Steps(total=9)
    home.root.mkdir(parents=True, exist_ok=True)
    _stop_leftover_processes(home, steps)
    home.stack_file.unlink(missing_ok=True)
    kept = read_json(home.kept_file)
    children: dict[str, subprocess.Popen[bytes]] = {}
    ready = False
    with contextlib.ExitStack() as at_the_end:
        at_the_end.callback(home.processes_file.unlink, missing_ok=True)
        with steps.step("Packaging the app with chalice package"):
            built = package.build(choices.project, PROJECT / ".local" / "build")
            has_state = cloud.saved(home).is_dir() and not choices.throwaway
            now = stored_schema.schema_of(choices.project, built.template())
            stored_schema.check_stored_schema(kept, now, home.root, has_state=has_state)
        with steps.step("Building the console"):
            pages = _pages(choices, steps)
        with steps.step("Looking for ffprobe"):
            looks_at_videos = ffprobe.provide(steps.note)
            steps.note(str(looks_at_videos))
        with steps.step("Starting the local cloud"):
            for name, preferred in PREFERRED_PORTS.items():
                choose_port(kept, name, preferred, home, steps)
            started = cloud.start(home, kept["ports"], record_calls=choices.record_calls)
            # A start that did not come to its end is not kept: half a deployment stays half.
            at_the_end.callback(lambda: started.stop(keep=ready and not choices.throwaway))
            children["the local cloud"] = started.process
            aws = Aws(started.endpoint_url)
        with steps.step("Starting the TikTok sandbox"):
            their = _tiktok(home, kept, children, steps)
            if "the TikTok sandbox" in children:
                sandbox = children["the TikTok sandbox"]
                at_the_end.callback(processes.stop_process, sandbox, tiktok.STOP_SECONDS)
        write_private(home.kept_file, kept)
        with steps.step("Deploying with CloudFormation"):
            deployed = deploy.deploy(
                aws,
                built,
                lambda _outputs: (
                    parameters(aws, _public_url(kept), their)
                    | {"Build": built.content[:12], ffprobe.PARAMETER: str(looks_at_videos)}
                ),
                steps.note,
            )
            if not deployed.changed:
                steps.note("nothing changed")
            workarounds.after_deployment(aws, built.template(), deployed.outputs)
        with steps.step("Starting the one origin of console and API"):
            children["the front"] = _front(aws, choices, deployed.outputs, kept, pages)
            at_the_end.callback(processes.stop_process, children["the front"], front.STOP_SECONDS)
        with steps.step("Seeding the demo program"):
            content = _seed(aws, choices, deployed.outputs, their, kept)
            content["console_url"] = _origin(kept) if pages else None
            write_private(home.kept_file, kept)
        with steps.step("Waiting for the first answer"):
            _wait_for_health(content["api_url"])
        ready = True
        write_private(home.stack_file, content)
        at_the_end.callback(home.stack_file.unlink, missing_ok=True)
        yield RunningStack(home, content), children
        raise AssertionError("a stack is watched until something ends it")  # pragma: no cover


def _stop_leftover_processes(home: Home, steps: Steps) -> None:
    """Stop the children of a killed `run` in order, so that nothing is lost."""
    left = processes.left_behind(home)
    for name, child in left.items():
        steps.note(f"an earlier run was killed; stopping its {name} process first")
        orderly = processes.stop_child(child, cloud.STOP_SECONDS)
        if name == "cloud":
            cloud.settle(home, keep=orderly and home.stack_file.exists())
    if home.stack_file.exists() and "cloud" not in left:
        steps.note("an earlier run ended without saving: going back to the state saved before it")
    home.processes_file.unlink(missing_ok=True)


def choose_port(kept: dict[str, Any], name: str, preferred: int, home: Home, steps: Steps) -> None:
    """Choose a program's port before any of them starts: what is kept names them all."""
    chosen: dict[str, int] = kept.setdefault("ports", {})
    others = {port for other, port in chosen.items() if other != name}
    remembered = chosen.get(name)
    port = ports.choose(remembered, preferred if home.is_default else None, others)
    wanted = remembered or (preferred if home.is_default else None)
    if wanted and wanted != port:
        steps.note(f"port {wanted} is taken by another program; using {port} from now on")
    chosen[name] = port


def _tiktok(
    home: Home,
    kept: dict[str, Any],
    children: dict[str, subprocess.Popen[bytes]],
    steps: Steps,
) -> TikTok | None:
    named = tiktok.named_by_caller(kept)
    if named:
        steps.note(f"not needed: TIKTOK_API_URL names {named.api_url}")
        steps.note(f"Greenroom is the app {named.client_key} there")
        return named
    if not tiktok.sandbox_is_here():
        steps.note("this clone has none")
        return None
    started, process = tiktok.start_sandbox(home, kept["ports"]["tiktok"], kept)
    children["the TikTok sandbox"] = process
    return started


def _pages(choices: Choices, steps: Steps) -> Path | None:
    """Return the built console; None where it is not wanted, or cannot be built (said aloud)."""
    if choices.without_console or not (choices.project / console.SOURCES).is_dir():
        steps.note("without it")
        return None
    try:
        return console.build(steps.note, choices.project)
    except Failure as failure:
        steps.note(f"without it: {failure.what}")
        return None


def _front(
    aws: Aws, choices: Choices, outputs: deploy.Outputs, kept: dict[str, Any], pages: Path | None
) -> subprocess.Popen[bytes]:
    """Start the front, which is told by the deployed stack alone what it has to know."""
    if pages:
        publish(aws.s3, outputs["ConsoleBucketName"], pages, config_of({}, outputs, REGION))
    stack = deploy.find_stack(aws)
    plan = front.Plan(
        api_url=gateway_url(aws, outputs),
        bucket=outputs.get("ConsoleBucketName", ""),
        endpoint_url=aws.endpoint_url,
        origin_key=stack["StackId"].split("/")[2] if stack else "",
        console_headers=front.headers_of(aws, outputs.get("ConsoleHeadersId")),
        api_headers=front.headers_of(aws, outputs.get("ApiHeadersId")),
        pictures_bucket=outputs.get("VideosBucketName", ""),
        picture_headers=front.headers_of(aws, outputs.get("PictureHeadersId")),
    )
    return front.start(choices.home, kept["ports"]["front"], plan)


def _origin(kept: dict[str, Any]) -> str:
    return front.origin(kept["ports"]["front"])


def _public_url(kept: dict[str, Any]) -> str:
    """Return the API's address for clients."""
    return f"{_origin(kept)}/v1"


def gateway_url(aws: Aws, outputs: deploy.Outputs) -> str:
    """Return the API's own address, for the front. In AWS the host names it, here the path."""
    stage = urlsplit(outputs.get("EndpointURL", "")).path.strip("/") or "api"
    return f"{aws.endpoint_url}/_aws/execute-api/{outputs['RestAPIId']}/{stage}"


def key_set_url(aws: Aws, outputs: deploy.Outputs) -> str:
    return f"{aws.endpoint_url}/{outputs['UserPoolId']}/.well-known/jwks.json"


def verify_sender(aws: Aws) -> None:
    """Verify the sender of notices' mails, as an owner does with SES; may be repeated."""
    with contextlib.suppress(aws.ses.exceptions.AlreadyExistsException):
        aws.ses.create_email_identity(EmailIdentity=NOTICES_FROM)


def parameters(aws: Aws, public_url: str, their: TikTok | None) -> dict[str, str]:
    """Return the parameters in which this stack differs from one in AWS: addresses."""
    values: dict[str, str] = {
        "Architecture": machine.architecture(),
        "IdentityEndpoint": aws.endpoint_url,
        "RequireTls": "false",
        "DeletionProtection": "false",
        "MailIdentityArn": f"arn:aws:ses:{REGION}:000000000000:identity/{mail.DOMAIN}",
        "MailFrom": f"Greenroom <invitations@{mail.DOMAIN}>",
        "NoticesFrom": NOTICES_FROM,
        "PublicUrl": public_url,
        "StorageEndpoint": aws.endpoint_url,
        "OwnHosts": urlsplit(aws.endpoint_url).netloc,
        "WebhookTestNetworks": "127.0.0.0/8",  # a receiver on this machine is what can be tried
    }
    if their:
        values["TikTokApiUrl"] = their.api_url
        values["TikTokAuthorizeUrl"] = their.authorize_url
        values["TikTokClientKey"] = their.client_key
        values["TikTokPkce"] = their.pkce
        values["TikTokViews"] = "true" if their.own else "false"
        if their.upload_hosts:
            values["TikTokUploadHosts"] = their.upload_hosts
    return values


def _seed(
    aws: Aws,
    choices: Choices,
    outputs: deploy.Outputs,
    their: TikTok | None,
    kept: dict[str, Any],
) -> dict[str, Any]:
    for needed in ("RestAPIId", "UserPoolId", "UserPoolClientId"):
        if needed not in outputs:
            raise Failure(f"The stack has no output {needed}.", "Add it to infra/.")
    if their:
        if secret_name := outputs.get("TikTokSecretName"):
            _keep_secret(aws, secret_name, their.client_secret)
        their.register(_public_url(kept))
    verify_sender(aws)
    passwords = seed.create_people(aws, outputs["UserPoolId"], kept)
    program_id = seed.create_program(aws, choices.project)
    return {
        "api_url": _public_url(kept),
        "gateway_url": gateway_url(aws, outputs),
        "tiktok_url": their.api_url if their else None,
        "identity": {
            "issuer": f"https://cognito-idp.{REGION}.amazonaws.com/{outputs['UserPoolId']}",
            "key_set_url": key_set_url(aws, outputs),
            "user_pool_id": outputs["UserPoolId"],
            "client_id": outputs["UserPoolClientId"],
            "endpoint_url": aws.endpoint_url,
        },
        "users": [
            {"email": email, "password": password, "role": seed.ROLES[email]}
            | {"program_id": program_id}
            for email, password in passwords.items()
        ],
        "aws": {"endpoint_url": aws.endpoint_url, "region": REGION},
        "stack_name": STACK_NAME,
        "outputs": dict(outputs),
        "logs": {
            "folder": str(choices.home.logs),
            "cloud": str(choices.home.log("cloud")),
            "tiktok": str(choices.home.log("tiktok")),
            "front": str(choices.home.log("front")),
        },
    }


def _keep_secret(aws: Aws, name: str, client_secret: str) -> None:
    value = json.dumps({"client_secret": client_secret})
    with contextlib.suppress(ClientError):
        if aws.secrets.get_secret_value(SecretId=name).get("SecretString") == value:
            return
    aws.secrets.put_secret_value(SecretId=name, SecretString=value)


def _wait_for_health(api_url: str) -> None:
    deadline = time.monotonic() + FIRST_ANSWER_SECONDS
    words = "no answer"
    while time.monotonic() < deadline:
        try:
            answer = requests.get(f"{api_url}/health", timeout=TIMEOUT_SECONDS)
        except requests.RequestException as error:
            words = type(error).__name__
        else:
            if answer.ok:
                return
            words = f"{answer.status_code} {answer.text[:300]}"
        time.sleep(WATCH_SECONDS)
    raise Failure(
        f"GET {api_url}/health does not succeed: {words}",
        "Look at logs/cloud.log in the stack's folder, where the function's output is.",
    )


def _watch(children: dict[str, subprocess.Popen[bytes]]) -> None:
    while True:
        for name, process in children.items():
            if process.poll() is not None:
                raise Failure(
                    f"{name} ended by itself (exit code {process.returncode}).".capitalize(),
                    "The logs say more; make run starts again from the state saved last.",
                )
        time.sleep(WATCH_SECONDS)


@contextlib.contextmanager
def _raise_on_signals() -> Iterator[None]:
    """Begin an orderly stop at the first signal; further ones do not disturb it."""

    def stop(_number: int, _frame: FrameType | None) -> None:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)
        print("\nStopping ...", flush=True)
        raise StackStopped

    before = {
        number: signal.signal(number, stop)
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    }
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
