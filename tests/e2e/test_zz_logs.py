"""Looking back: no log of the run holds a secret, and a log tells one request's way."""

import json
import secrets as random
from collections.abc import Iterable, Mapping
from pathlib import Path

import pytest

from local.stack import RunningStack
from tests.e2e.deployed_stack import DeployedStack
from tests.e2e.people import Api, Secret, Witness
from tests.e2e.waiting import wait_for

UPLOAD_PARTS = ("upload_token=", "upload_id=", "/upload/?")

SCREEN = "run.log"
"""What `make run` shows on the screen: the demo people's passwords among it, on purpose."""


UPLOAD_ADDRESSES = [Secret(f"upload address ({part})", part) for part in UPLOAD_PARTS]
"""No client of the API ever sees where TikTok takes a video; its parts have names, though."""


PREVIEW_ADDRESSES = [Secret("address of a preview", "X-Amz-Signature=")]


def leaks(secrets: Iterable[Secret], logs: Mapping[str, str]) -> list[str]:
    """Name each secret that lies in a log, and the log; never the secret itself."""
    return sorted(
        {
            f"{secret.kind} in {name}"
            for secret in secrets
            for name, text in logs.items()
            if secret.value in text
        }
    )


def logs_of(deployed: DeployedStack) -> dict[str, str]:
    """All that was logged: by the functions, in the cloud's log groups, in the files."""
    groups = {each: "\n".join(deployed.log_group(each)) for each in deployed.log_groups()}
    files = {
        file.name: file.read_text(encoding="utf-8", errors="replace")
        for file in Path(deployed.stack.home.logs).iterdir()
        if file.is_file()
    }
    return groups | files


@pytest.mark.usefixtures("whole_run")
def test_no_log_of_the_run_holds_a_secret(
    stack: RunningStack, deployed: DeployedStack, witness: Witness
) -> None:
    kinds = {each.kind for each in witness.secrets}
    assert {
        "password",
        "ID token",
        "access token",
        "refresh token",
        "challenge",
        "session cookie",
        "device cookie",
        "form field policy",
        "form field x-amz-signature",
        "form field x-amz-security-token",
        "TikTok state",
        "TikTok code",
        "TikTok access token",
        "TikTok refresh token",
        "TikTok client secret",
        "consent cookie",
        "webhook signature",
        "preview signature",
        "unsubscribe token",
    } <= kinds
    logs = logs_of(deployed)
    assert [name for name, text in logs.items() if "APIHandler" in name and '"route"' in text]
    shown = {person.password for person in stack.people}
    screen = {SCREEN: logs.pop(SCREEN)} if SCREEN in logs else {}
    assert leaks(witness.secrets, logs) == []
    assert leaks(UPLOAD_ADDRESSES, logs) == []
    assert leaks(PREVIEW_ADDRESSES, logs) == []
    assert leaks((each for each in witness.secrets if each.value not in shown), screen) == []


def test_a_secret_in_a_log_is_found() -> None:
    token = f"{random.token_urlsafe(40)}.{random.token_urlsafe(200)}.{random.token_urlsafe(300)}"
    witness = Witness.__new__(Witness)
    witness.secrets = set()
    witness.keep_token("ID token", token)
    witness.keep_form(
        {"key": "incoming/a/b", "x-amz-signature": "ab" * 32, "policy": "cG9saWN5" * 9}
    )
    _, payload, signature = token.split(".")
    clean = {"a": "uploads are fine", "b": json.dumps({"key": "incoming/a/b"})}
    assert leaks(witness.secrets, clean) == []
    for kind, text in (
        ("ID token", f"got {token}"),
        ("payload of ID token", json.dumps({"cut": payload})),
        ("signature of ID token", f"...{signature}"),
        ("form field x-amz-signature", f"POST x-amz-signature={'ab' * 32}"),
        ("form field policy", "cG9saWN5" * 9),
    ):
        assert f"{kind} in b" in leaks(witness.secrets, clean | {"b": text})


def test_a_secret_that_a_function_logs_is_found(nobody: Api, deployed: DeployedStack) -> None:
    """On purpose: a signature's 64 digits pass for a correlation id, which is logged."""
    planted = Secret("form field x-amz-signature", random.token_hex(32))
    nobody.call("GET", "/health", headers={"X-Correlation-Id": planted.value})
    wait_for(
        "The planted secret in a log",
        lambda: (
            leaks([planted], {"api": "\n".join(deployed.log_of("APIHandler"))})
            == [f"{planted.kind} in api"]
        ),
    )
    assert leaks([planted], logs_of(deployed)) != []


def test_a_correlation_id_goes_from_the_form_to_the_validation_and_the_verdict(
    manager: Api, deployed: DeployedStack, clips: Path
) -> None:
    sent = f"corr-{random.token_hex(8)}"
    with deployed.validation_paused():
        form = manager.ask_for_upload(headers={"X-Correlation-Id": sent})
        manager.post_file(form, (clips / "demo.mp4").read_bytes())
        activity = manager.create(form.upload_id)["activity_id"]
    manager.settled(activity)
    for function, message in (
        ("APIHandler", "request"),
        ("VideosValidate", "upload decided"),
        ("ActivitiesApplyVerdicts", "activity decided"),
    ):

        def logged(function: str = function, message: str = message) -> bool:
            lines = [json.loads(line) for line in deployed.log_of(function) if line[:1] == "{"]
            return any(
                (line.get("correlation_id"), line["message"]) == (sent, message) for line in lines
            )

        wait_for(f"{message!r} with the correlation id in the log of {function}", logged)


def test_an_answer_names_its_correlation_id_and_takes_none_that_is_not_plain(nobody: Api) -> None:
    own = f"corr-{random.token_hex(8)}"
    assert (
        nobody.call("GET", "/health", headers={"X-Correlation-Id": own}).headers["X-Correlation-Id"]
        == own
    )
    for other in ("short", "x" * 65, "with space and {json}", 'a"b"c"d"e'):
        answer = nobody.call("GET", "/health", headers={"X-Correlation-Id": other})
        assert answer.headers["X-Correlation-Id"] not in {other, "unknown"}
