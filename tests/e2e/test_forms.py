"""A form takes one file: its key, its type, its size, its time. S3 refuses everything else."""

import base64
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import requests

from tests.e2e.deployed_stack import DeployedStack
from tests.e2e.people import Api, Form, post_form

LIMIT = 52_428_800
Change = Callable[[dict[str, str]], dict[str, str]]


def policy_of(form: Form) -> Any:
    return json.loads(base64.b64decode(form.fields["policy"]))


def weaker(fields: dict[str, str]) -> dict[str, str]:
    """Lift the limit of the size in the policy; the signature no longer fits."""
    policy = json.loads(base64.b64decode(fields["policy"]))
    policy["conditions"] = [
        [each[0], each[1], each[2] * 2] if isinstance(each, list) else each
        for each in policy["conditions"]
    ]
    return fields | {"policy": base64.b64encode(json.dumps(policy).encode()).decode()}


def without(*names: str) -> Change:
    return lambda fields: {name: value for name, value in fields.items() if name not in names}


def beside(fields: dict[str, str]) -> dict[str, str]:
    return fields | {"key": fields["key"] + "x"}


REFUSED: dict[str, tuple[Change, int, set[str]]] = {
    "another key": (beside, 10, {"AccessDenied"}),
    "another upload's key": (
        lambda fields: fields | {"key": "incoming/prg_x/upl_x"},
        10,
        {"AccessDenied"},
    ),
    "the place of the valid": (
        lambda fields: fields | {"key": fields["key"].replace("incoming/", "videos/")},
        10,
        {"AccessDenied"},
    ),
    "another content type": (
        lambda fields: fields | {"Content-Type": "text/html"},
        10,
        {"AccessDenied"},
    ),
    "no content type": (without("Content-Type"), 10, {"AccessDenied"}),
    "a field more": (lambda fields: fields | {"acl": "public-read"}, 10, {"AccessDenied"}),
    "another signature": (
        lambda fields: fields | {"x-amz-signature": "0" * 64},
        10,
        {"SignatureDoesNotMatch"},
    ),
    "a weaker policy": (weaker, 10, {"SignatureDoesNotMatch"}),
    "another session": (
        lambda fields: fields | {"x-amz-security-token": "0" * 64},
        10,
        {"InvalidToken"},
    ),
    "no signature": (without("x-amz-signature"), 10, {"InvalidArgument"}),
    "an empty file": (lambda fields: fields, 0, {"EntityTooSmall"}),
    "a byte too many": (lambda fields: fields, LIMIT + 1, {"EntityTooLarge"}),
}


def error_of(answer: requests.Response) -> str:
    return answer.text.partition("<Code>")[2].partition("</Code>")[0]


@pytest.mark.parametrize(("change", "size", "codes"), REFUSED.values(), ids=REFUSED)
def test_s3_refuses_what_the_form_is_not_for(
    manager: Api, deployed: DeployedStack, change: Change, size: int, codes: set[str]
) -> None:
    form = manager.ask_for_upload()
    with deployed.not_recording():
        answer = deployed.unchanged_by(
            lambda: post_form(form.url, change(form.fields), b"\0" * size)
        )
    assert 400 <= answer.status_code < 500
    assert error_of(answer) in codes
    assert manager.get(f"/uploads/{form.upload_id}").body["status"] == "awaiting_file"


def test_a_form_without_a_file_is_refused(manager: Api, deployed: DeployedStack) -> None:
    form = manager.ask_for_upload()
    assert post_form(form.url, form.fields, None).status_code == 400
    assert manager.get(f"/uploads/{form.upload_id}").body["status"] == "awaiting_file"


def test_a_file_of_exactly_the_limit_is_taken_and_looked_at(
    manager: Api, deployed: DeployedStack
) -> None:
    form = manager.ask_for_upload()
    with deployed.not_recording():
        manager.post_file(form, b"\0" * LIMIT)
    verdict = manager.verdict(form.upload_id)
    assert [each["code"] for each in verdict["problems"]] == ["not_a_video"]


def test_a_form_is_good_for_a_quarter_of_an_hour_and_says_so(manager: Api) -> None:
    form = manager.ask_for_upload()
    said = datetime.fromisoformat(form.expires_at)
    assert abs(said - datetime.now(UTC) - timedelta(minutes=15)) < timedelta(seconds=10)
    signed = datetime.fromisoformat(policy_of(form)["expiration"])
    assert abs(said - signed) < timedelta(seconds=2)


def test_s3_refuses_a_form_past_the_time_in_its_policy(
    manager: Api, deployed: DeployedStack
) -> None:
    """The same form, signed a moment too late to be used: by the owner, who may sign any."""
    form = manager.ask_for_upload()
    late = deployed.s3.generate_presigned_post(
        deployed.names["IncomingBucket"],
        form.fields["key"],
        Fields={"Content-Type": form.fields["Content-Type"]},
        Conditions=[
            {"Content-Type": form.fields["Content-Type"]},
            ["content-length-range", 1, LIMIT],
        ],
        ExpiresIn=-1,
    )
    answer = post_form(late["url"], late["fields"], b"late")
    assert (answer.status_code, error_of(answer)) == (403, "AccessDenied")
    assert "expired" in answer.text
    assert form.fields["key"] not in deployed.objects("IncomingBucket")


def test_nobody_reads_or_writes_the_buckets_without_a_form(
    manager: Api, deployed: DeployedStack, valid_upload: str
) -> None:
    kept = deployed.names["VideosBucket"]
    key = next(key for key in deployed.objects("VideosBucket") if f"/{valid_upload}/" in key)

    def try_each() -> None:
        for method, path in (
            ("GET", f"{kept}/{key}"),
            ("GET", kept),
            ("PUT", f"{kept}/{key}"),
            ("DELETE", f"{kept}/{key}"),
            ("PUT", f"{deployed.names['IncomingBucket']}/incoming/prg_x/upl_x"),
        ):
            url = f"{deployed.endpoint_url}/{path}"
            answer = requests.request(method, url, data=b"", timeout=30)
            assert answer.status_code == 403, f"{method} {path}: {answer.text}"

    deployed.unchanged_by(try_each)


NAMES = (
    "Ünser “Röst” ☕ 焙煎.mp4",
    "../../videos/prg_x/upl_x",
    'a"; filename="b.mp4',
    "${filename}.exe",
    "a" * 3000 + ".mp4",
)


def test_a_file_name_never_matters(manager: Api, deployed: DeployedStack, clips: Any) -> None:
    content = (clips / "demo.mp4").read_bytes()
    forms = []
    for name in NAMES:
        forms.append(form := manager.ask_for_upload())
        assert post_form(form.url, form.fields, content, name=name).status_code == 204
        assert manager.verdict(form.upload_id)["status"] == "valid"
    prefixes = {f"videos/{form.fields['key'].removeprefix('incoming/')}/" for form in forms}
    kept = [key for key in deployed.objects("VideosBucket") if key.startswith(tuple(prefixes))]
    assert len(kept) == len(NAMES)
