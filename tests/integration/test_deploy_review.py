"""TikTok's app review: pages in one's own name, the reviewer's account, the activity, the words."""

import json
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import parse_qs, urlsplit

import boto3
import pytest
import responses
from moto import mock_aws

from chalicelib.tiktok.client import SCOPES as ASKED
from deploy import doctor, review, run
from deploy.doctor import Doctor, State
from deploy.review import Review, offer_activity, pages, publish_pages, sheet
from deploy.stage import Stage, load
from local.failure import Failure

GIVEN = Review(
    app_name="Sunny <Greenroom>",
    company="Sunny & Sons",
    address="1 Example Street",
    contact="privacy@sunny.example",
    law="Ireland",
    reviewer="review@sunny.example",
)
API = "https://greenroom.example/v1"
STAGE = Stage("x", "greenroom-x", "eu-west-1", "", "arm64", None, {}, review=GIVEN)


# --- what the stage says --------------------------------------------------------------------------


def stage_with(folder: Path, **changes: str | None) -> Stage:
    given = {name: changes.get(name, value) for name, value in vars(GIVEN).items()}
    told = [f"{name} = {json.dumps(value)}" for name, value in given.items() if value is not None]
    more = [f"{name} = 'x'" for name in changes if name not in given]
    text = ["stack = 'a'", "region = 'eu-west-1'", "[review]", *told, *more]
    (folder / "x.toml").write_text("\n".join(text), encoding="utf-8")
    return load("x", folder)


def test_a_stage_says_who_answers_for_the_app(tmp_path: Path) -> None:
    assert stage_with(tmp_path, reviewer="Review@Sunny.example").review == GIVEN


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"law": None}, "address, app_name, company, contact, law, reviewer"),
        ({"lawyer": "x"}, "address, app_name, company, contact, law, reviewer"),
        ({"company": " \u200b"}, "1 to 300 characters"),
        ({"company": "x" * 301}, "1 to 300 characters"),
        ({"contact": "nobody"}, "no address as contact"),
    ],
)
def test_missing_fields_are_named(
    tmp_path: Path, changes: dict[str, str | None], words: str
) -> None:
    with pytest.raises(Failure, match=words):
        stage_with(tmp_path, **changes)


# --- pages and words ------------------------------------------------------------------------------


def test_the_pages_are_in_the_owners_name_and_take_no_markup_from_it() -> None:
    for name, text in pages(GIVEN).items():
        assert "Sunny &lt;Greenroom&gt;" in text, name
        assert "Sunny &amp; Sons" in text
        assert "<Greenroom>" not in text
        assert "<script" not in text
    assert "privacy@sunny.example" in pages(GIVEN)[review.PRIVACY]
    assert "The law of Ireland" in pages(GIVEN)[review.TERMS]


@mock_aws
def test_a_page_of_ones_own_is_left_alone(tmp_path: Path) -> None:
    s3 = boto3.client("s3", region_name="us-east-1")
    s3.create_bucket(Bucket="console")
    (tmp_path / "terms.html").write_text("mine", encoding="utf-8")
    assert publish_pages(s3, "console", GIVEN, tmp_path) == ["privacy.html"]
    found = s3.get_object(Bucket="console", Key="privacy.html")
    assert found["ContentType"] == "text/html; charset=utf-8"
    assert found["Body"].read().decode() == pages(GIVEN)["privacy.html"]
    assert publish_pages(s3, "console", GIVEN, None) == ["terms.html", "privacy.html"]


def test_the_sheet_names_each_scope_that_is_asked_for_and_no_other() -> None:
    assert set(review.SCOPES) == set(ASKED) == set(doctor.SCOPES)
    text = sheet(GIVEN, API)
    for words in (
        *(f"{scope}\n  {why}" for scope, why in review.SCOPES.items()),
        "https://greenroom.example/terms.html",
        "https://greenroom.example/v1/tiktok/callback",
        "https://greenroom.example/v1/tiktok/webhook",
        "review@sunny.example",
    ):
        assert words in text


# --- the reviewer ---------------------------------------------------------------------------------


@mock_aws
def test_a_reviewer_gets_a_password_once_unless_another_is_asked_for() -> None:
    cognito: Any = boto3.client("cognito-idp", region_name="us-east-1")
    pool = cognito.create_user_pool(PoolName="p")["UserPool"]["Id"]

    def add(*, new: bool = False) -> str | None:
        return review.add_reviewer(cognito, pool, GIVEN.reviewer, new_password=new)

    first = add()
    assert first
    assert len(first) > 20
    assert add() is None
    assert add(new=True) not in {None, first}
    found = cognito.admin_get_user(UserPoolId=pool, Username=GIVEN.reviewer)
    assert found["UserStatus"] == "CONFIRMED"


def test_one_activity_is_published_with_a_video_that_was_found_valid() -> None:
    with responses.RequestsMock() as api:
        api.post(f"{API}/session", json={"status": "signed_in", "id_token": "t"})
        api.get(f"{API}/activities", json={"items": []})
        form = {"url": "https://bucket.example/", "fields": {"key": "incoming/1"}}
        api.post(f"{API}/uploads", json={"upload_id": "upl_1", "form": form})
        api.post("https://bucket.example/", status=204)
        api.get(f"{API}/uploads/upl_1", json={"status": "validating"})
        api.get(f"{API}/uploads/upl_1", json={"status": "valid"})
        api.post(f"{API}/activities", json={"activity_id": "act_1"}, status=201)
        waited: list[float] = []
        assert offer_activity(API, GIVEN.reviewer, "p", waited.append) is True
        made = api.calls[-1].request
        assert json.loads(made.body or "")["upload_id"] == "upl_1"
        assert made.headers["Idempotency-Key"] == "review-upl_1"
        assert made.headers["Authorization"] == "Bearer t"
        assert waited == [review.POLL_SECONDS]


def test_a_second_run_publishes_nothing() -> None:
    with responses.RequestsMock() as api:
        api.post(f"{API}/session", json={"status": "signed_in", "id_token": "t"})
        api.get(f"{API}/activities", json={"items": [{"activity_id": "act_1"}]})
        assert offer_activity(API, GIVEN.reviewer, "p") is False


@pytest.mark.parametrize(
    ("answers", "words"),
    [
        ({"session": (401, {"detail": "Wrong."})}, "cannot sign in: Wrong"),
        ({"session": (200, {"status": "new_password_required", "challenge": "c"})}, "console"),
        ({"activities": (503, {})}, "GET /activities.limit=1 answers 503"),
        ({"bucket": (403, {})}, "could not be sent: 403"),
        ({"upload": (200, {"status": "rejected"})}, "is rejected"),
        ({"upload": (200, {"status": "validating"})}, "is validating"),
    ],
)
def test_failures_name_the_next_step(answers: dict[str, tuple[int, Any]], words: str) -> None:
    usual: dict[str, tuple[int, Any]] = {
        "session": (200, {"status": "signed_in", "id_token": "t"}),
        "activities": (200, {"items": []}),
        "bucket": (204, {}),
        "upload": (200, {"status": "valid"}),
    }
    told = usual | answers
    form = {"url": "https://bucket.example/", "fields": {}}
    with responses.RequestsMock(assert_all_requests_are_fired=False) as api:
        api.post(f"{API}/session", status=told["session"][0], json=told["session"][1])
        api.get(f"{API}/activities", status=told["activities"][0], json=told["activities"][1])
        api.post(f"{API}/uploads", json={"upload_id": "upl_1", "form": form})
        api.post("https://bucket.example/", status=told["bucket"][0])
        api.get(f"{API}/uploads/upl_1", status=told["upload"][0], json=told["upload"][1])
        with pytest.raises(Failure, match=words) as caught:
            offer_activity(API, GIVEN.reviewer, "p", lambda _: None)
    assert "make tiktok-review" in caught.value.next_step


# --- all of it ------------------------------------------------------------------------------------


class Programs:
    """Remembers what was made."""

    def __init__(self) -> None:
        self.made: list[tuple[str, str, str]] = []

    def create_program(self, name: str, time_zone: str, manager: str) -> None:
        self.made.append((name, time_zone, manager))


@mock_aws
def test_the_command_does_all_of_it_and_a_second_time_leaves_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    s3: Any = boto3.client("s3", region_name="us-east-1")
    s3.create_bucket(Bucket="console")
    cognito: Any = boto3.client("cognito-idp", region_name="us-east-1")
    pool = cognito.create_user_pool(PoolName="p")["UserPool"]["Id"]
    outputs = {
        "ConsoleBucketName": "console",
        "UserPoolId": pool,
        "ConsoleUrl": "https://greenroom.example",
    }
    programs, published = Programs(), []
    container = SimpleNamespace(programs=programs)
    monkeypatch.setattr(run, "OwnersStack", lambda _: SimpleNamespace(container=lambda: container))

    def publish(url: str, email: str, password: str) -> bool:
        published.append((url, email, password))
        return len(published) == 1

    monkeypatch.setattr(review, "offer_activity", publish)
    asked: list[str] = []

    def owner(question: str) -> bool:
        asked.append(question)
        return True

    deployer = run.Deployer(replace(STAGE, region="us-east-1"), owner)
    deployer.__dict__["stack"] = SimpleNamespace(found=dict, outputs=lambda: outputs)
    deployer.review(new_password=False)
    said = capsys.readouterr().out
    ((url, email, password),) = published
    assert (url, email) == ("https://greenroom.example/v1", GIVEN.reviewer)
    for words in (password, "made: terms.html, privacy.html", "published", "Why each scope:"):
        assert words in said
    assert "Prepare TikTok's app review in" in asked[0]
    deployer.review(new_password=False)
    again = capsys.readouterr().out
    assert password not in again
    assert "left as it is" in again
    deployer.review(new_password=True)
    assert "there is one" in capsys.readouterr().out
    assert published[1][2] != password
    assert programs.made == [(review.PROGRAM, "UTC", GIVEN.reviewer)] * 3


def test_a_stage_without_a_review_or_a_stack_is_told_what_to_do() -> None:
    deployer = run.Deployer(replace(STAGE, review=None), lambda _: True)
    with pytest.raises(Failure, match="no table"):
        deployer.review(new_password=False)
    deployer = run.Deployer(STAGE, lambda _: True)
    deployer.__dict__["stack"] = SimpleNamespace(found=lambda: None)
    with pytest.raises(Failure, match="no stack greenroom-x"):
        deployer.review(new_password=False)


# --- the doctor -----------------------------------------------------------------------------------


def told(stage: Stage, parameters: dict[str, str]) -> list[tuple[State, str]]:
    patient = Doctor(stage, lambda _: None, parameters, {}, API)
    domain = patient._tiktok_domain()  # noqa: SLF001  these questions without all others
    pages_served = patient._tiktok_pages()  # noqa: SLF001  likewise
    return [(line.state, line.words) for line in (*domain, *pages_served)]


def test_the_doctor_looks_at_domain_verification_and_pages(tmp_path: Path) -> None:
    (tmp_path / "tiktokabc.txt").write_text("tiktok-developers-site-verification=abc")
    stage = replace(STAGE, site=tmp_path)
    with responses.RequestsMock() as api:
        api.get(
            "https://greenroom.example/tiktokabc.txt",
            body="tiktok-developers-site-verification=abc",
        )
        api.get("https://greenroom.example/terms.html", body=pages(GIVEN)["terms.html"])
        api.get("https://greenroom.example/privacy.html", body=pages(GIVEN)["privacy.html"])
        found = told(stage, {"ConsoleDomain": "greenroom.example"})
    assert [state for state, _ in found] == [State.DONE] * 4


@pytest.mark.parametrize(
    ("location", "state", "words"),
    [
        ("https://www.tiktok.com/login", State.UNKNOWN, "only a consent proves it"),
        ("https://www.tiktok.com/v2/auth?error_type=redirect_uri", State.TO_DO, "redirect_uri"),
        ("https://www.tiktok.com/v2/auth?error_type=scope", State.TO_DO, "refuses them (scope)"),
    ],
)
@pytest.mark.parametrize("views", ["true", "false"])
def test_the_doctor_asks_tiktok_for_the_redirect_address_and_the_scopes(
    location: str, state: State, words: str, views: str
) -> None:
    authorize = "https://www.tiktok.com/v2/auth/authorize/"
    parameters = {"TikTokAuthorizeUrl": authorize, "TikTokClientKey": "k", "TikTokViews": views}
    with responses.RequestsMock() as api:
        api.get(authorize, status=302, headers={"Location": location})
        (line,) = Doctor(STAGE, lambda _: None, parameters, {}, API)._tiktok_redirect()  # noqa: SLF001  one question of many
        asked = parse_qs(urlsplit(str(api.calls[0].request.url)).query)
    assert (line.state, words in line.words) == (state, True)
    assert asked["redirect_uri"] == [f"{API}/tiktok/callback"]
    assert ("video.list" in asked["scope"][0]) is (views == "true")
    assert set(doctor.SCOPES) <= set(asked["scope"][0].split(","))


def test_the_doctor_looks_whether_the_webhooks_address_is_ours() -> None:
    patient = Doctor(STAGE, lambda _: None, {}, {}, API)
    with responses.RequestsMock() as api:
        kind = "application/problem+json"
        api.post(f"{API}/tiktok/webhook", json={}, status=401, content_type=kind)
        (ours,) = patient._tiktok_webhook()  # noqa: SLF001  one question of many
        api.replace("POST", f"{API}/tiktok/webhook", body="<html>", status=403)
        (strange,) = patient._tiktok_webhook()  # noqa: SLF001  likewise
    assert (ours.state, strange.state) == (State.UNKNOWN, State.TO_DO)
    assert strange.words.endswith("it answers 403")


def test_the_doctor_takes_the_consoles_own_page_for_none(tmp_path: Path) -> None:
    (tmp_path / "tiktokabc.txt").write_text("tiktok-developers-site-verification=abc")
    page = "<html><title>Greenroom</title></html>"
    with responses.RequestsMock() as api:
        for name in ("tiktokabc.txt", "terms.html", "privacy.html"):
            api.get(f"https://greenroom.example/{name}", body=page)
        found = told(replace(STAGE, site=tmp_path), {})
    assert [state for state, _ in found] == [State.TO_DO] * 4
    with responses.RequestsMock() as api:
        for name in ("terms.html", "privacy.html"):
            api.get(f"https://greenroom.example/{name}", status=404)
        assert {state for state, _ in told(STAGE, {})} == {State.TO_DO}
