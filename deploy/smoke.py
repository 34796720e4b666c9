"""Whether a deployment works, asked from outside, and with one short video all the way through."""

import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import boto3
import requests
from botocore.exceptions import ClientError

from chalicelib.composition import Container
from chalicelib.foundation.aws import client_config
from chalicelib.foundation.identity import Caller, Role
from chalicelib.foundation.settings import Settings
from chalicelib.videos.model import Upload, UploadStatus
from local.failure import Failure
from local.home import PROJECT

CLIP = PROJECT / "tests" / "clips" / "three_seconds.mp4"
TIMEOUT_SECONDS = 30
ANSWER_SECONDS = 300.0  # a new distribution is known everywhere after some minutes
VERDICT_SECONDS = 180.0
POLL_SECONDS = 2.0
PROGRAM = "prg_smoke_test"
"""A program that there is not: nobody ever sees what is uploaded to it."""
WANTED_HEADERS = {
    "Content-Security-Policy": "default-src 'none'",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
}
A_TOKEN = "Bearer e30.e30.e30"  # noqa: S105  formed like one, and nobody's


@dataclass(frozen=True)
class Deployment:
    """The deployment to ask: the origin of console and API, the expected build, the outputs."""

    origin: str
    build: str
    outputs: Mapping[str, str]

    def url(self, path: str) -> str:
        return f"{self.origin}{path}"


def run(deployment: Deployment, note: Callable[[str], None]) -> None:
    """Raise `Failure` at the first thing that is not as it should be."""
    health(deployment)
    note(f"/health answers, and names build {deployment.build}")
    for path, headers, status in (
        ("/v1/me", {}, 401),
        ("/v1/nowhere", {}, 404),
        ("/v1/nowhere", {"Authorization": A_TOKEN}, 404),
    ):
        answer = requests.get(deployment.url(path), headers=headers, timeout=TIMEOUT_SECONDS)
        if answer.status_code != status:
            raise _unexpected(deployment, path, answer, f"{status} is right")
        bearer = " with a token" if headers else ""
        note(f"{path}{bearer} is answered {status}")
    console(deployment)
    note("the console's page comes with its headers")
    seconds = clip(deployment)
    note(f"a clip of three seconds was found valid after {seconds:.0f} s")


def health(deployment: Deployment) -> None:
    deadline = time.monotonic() + ANSWER_SECONDS
    while True:
        try:
            answer = requests.get(deployment.url("/v1/health"), timeout=TIMEOUT_SECONDS)
        except requests.RequestException as error:
            words = type(error).__name__
        else:
            words = f"{answer.status_code} {answer.text[:300]}"
            with suppress(ValueError):
                if answer.ok and answer.json().get("build") == deployment.build:
                    return
        if time.monotonic() > deadline:
            raise Failure(
                f"{deployment.url('/v1/health')} does not name the build {deployment.build}:"
                f" {words}",
                "Look at what the function says: make logs STAGE=... FUNCTION=APIHandler."
                " Run the deployment again when it is mended; make rollback goes back.",
            )
        time.sleep(POLL_SECONDS)


def console(deployment: Deployment) -> None:
    page = requests.get(deployment.url("/"), timeout=TIMEOUT_SECONDS)
    if not page.ok or "text/html" not in page.headers.get("Content-Type", ""):
        raise _unexpected(deployment, "/", page, "the console's page is right")
    for name, value in WANTED_HEADERS.items():
        if not page.headers.get(name, "").startswith(value):
            raise _unexpected(deployment, "/", page, f"the header {name}: {value} is right")


def clip(deployment: Deployment) -> float:
    """Put a clip where forms put them, wait for its verdict, and remove what is left of it."""
    outputs = deployment.outputs
    container = Container(
        Settings(
            uploads_table=outputs["UploadsTableName"],
            audit_table=outputs["AuditTableName"],
            incoming_bucket=outputs["IncomingBucketName"],
            videos_bucket=outputs["VideosBucketName"],
        )
    )
    nobody = Caller(PROGRAM, "mem_smoke_test", Role.MANAGER, email="", name="", chosen_zone="UTC")
    started = time.monotonic()
    s3: Any = boto3.client("s3", config=client_config())
    upload = container.videos.ask_for_upload(nobody, "video/mp4", "smoke-test").upload
    try:
        s3.put_object(
            Bucket=outputs["IncomingBucketName"],
            Key=upload.incoming_key,
            Body=CLIP.read_bytes(),
            ContentType="video/mp4",
        )
        upload = _decided(container, nobody, upload)
    finally:
        _remove(s3, outputs, upload)
    if upload.state is not UploadStatus.VALID:
        told = "; ".join(each.message for each in upload.problems) or upload.state.value
        raise Failure(
            f"A good clip of three seconds was not found valid: {told}",
            "Look at what the function says: make logs STAGE=... FUNCTION=VideosValidate. A layer"
            " or a library for another processor, or a limit, would show there.",
        )
    return time.monotonic() - started


def _decided(container: Container, caller: Caller, upload: Upload) -> Upload:
    deadline = time.monotonic() + VERDICT_SECONDS
    while time.monotonic() < deadline:
        now = container.videos.upload(caller, upload.upload_id)
        if now.state not in {UploadStatus.AWAITING_FILE, UploadStatus.VALIDATING}:
            return now
        time.sleep(POLL_SECONDS)
    return now


def _remove(s3: Any, outputs: Mapping[str, str], upload: Upload) -> None:
    if upload.video_key:
        s3.delete_object(Bucket=outputs["VideosBucketName"], Key=upload.video_key)
    s3.delete_object(Bucket=outputs["IncomingBucketName"], Key=upload.incoming_key)
    dynamodb: Any = boto3.client("dynamodb", config=client_config())
    key = {"program_id": {"S": upload.program_id}, "upload_id": {"S": upload.upload_id}}
    with suppress(ClientError):  # it expires by itself, and is nobody's
        dynamodb.delete_item(TableName=outputs["UploadsTableName"], Key=key)


def _unexpected(
    deployment: Deployment, path: str, answer: requests.Response, wanted: str
) -> Failure:
    return Failure(
        f"{deployment.url(path)} answers {answer.status_code} {answer.text[:200]!r}, where"
        f" {wanted}.",
        "Run the deployment again; if it stays, compare infra/api.yaml and infra/console.yaml with"
        " the stack, and make rollback STAGE=... goes back.",
    )
