"""A stack's life as its owner leads it, against the local cloud: the very template AWS is given.

Each test goes on with the stack as the one before left it.
"""

import dataclasses
import io
import json
import re
import shlex
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import botocore
import botocore.session
import pytest
import requests
from botocore.exceptions import ClientError
from click.testing import CliRunner

import commands.__main__ as commands_main
import deploy.__main__ as cli
from commands.stack import Stack as NamedStack
from deploy import doctor, restore
from deploy.artefacts import Artefacts
from deploy.run import Dependencies, Deployer
from deploy.stage import load
from local.failure import Failure
from local.home import Home
from local.package import Package
from local.rehearsal import Rehearsal, rehearsal
from local.template import Template
from tests.integration.documented_commands import commands_in, words_of

VERIFICATION = "tiktok-developers-site-verification=abc\n"
Say = Callable[[str], bool]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Rehearsal, Path]]:
    folder = tmp_path_factory.mktemp("stages")
    (folder / "site").mkdir()
    (folder / "site" / "tiktokabc.txt").write_text(VERIFICATION, encoding="utf-8")
    (folder / "site" / "privacy.html").write_text("<h1>Privacy</h1>", encoding="utf-8")
    pages = tmp_path_factory.mktemp("pages")
    (pages / "index.html").write_text("<!doctype html><title>Greenroom</title>", encoding="utf-8")
    with rehearsal(Home(tmp_path_factory.mktemp("home"))) as made:
        made.pages = pages
        made.stage_file(folder)
        yield made, folder


class Owner:
    """Answers what is asked, and remembers it."""

    def __init__(self, *, answer: bool = True) -> None:
        self.answer = answer
        self.asked: list[str] = []

    def __call__(self, question: str) -> bool:
        self.asked.append(question)
        return self.answer


def deployer(
    place: tuple[Rehearsal, Path],
    owner: Say | None = None,
    change: Callable[[Template], None] | None = None,
) -> Deployer:
    made, folder = place
    dependencies = made.dependencies()
    if change:
        dependencies = dataclasses.replace(dependencies, build=changed(dependencies, change))
    return Deployer(load("rehearsal", folder), owner or Owner(), dependencies, allow_dirty=True)


def changed(
    dependencies: Dependencies, change: Callable[[Template], None]
) -> Callable[[str], Package]:
    """Package the app with another template."""

    class Changed(Package):
        def template(self) -> Template:
            content = super().template()
            change(content)
            return content

    def build(architecture: str) -> Package:
        made = dependencies.build(architecture)
        return Changed(made.folder, "0" + made.content[1:])

    return build


def secret_of(run: Deployer) -> dict[str, Any]:
    name = run.stack.outputs()["TikTokSecretName"]
    return doctor.tiktok_secret(run.client("secretsmanager"), name)


def test_nothing_is_made_by_whoever_says_no(place: tuple[Rehearsal, Path]) -> None:
    owner = Owner(answer=False)
    with pytest.raises(Failure, match="Nothing was changed"):
        deployer(place, owner).deploy()
    (question,) = owner.asked
    for named in ("greenroom", "000000000000", "us-east-1"):
        assert named in question
    assert deployer(place).stack.status() is None


def test_the_first_deployment_makes_it_in_two_passes_and_tries_it_out(
    place: tuple[Rehearsal, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    run = deployer(place)
    run.deploy(place[0].their.client_secret)
    said = capsys.readouterr().out
    for words in ("first pass", "second pass", "adds", "names build", "found valid", "[done]"):
        assert words in said
    assert place[0].their.client_secret not in said
    (stack,) = run.client("cloudformation").describe_stacks(StackName="greenroom")["Stacks"]
    assert stack["EnableTerminationProtection"] is True
    given = {each["ParameterKey"]: each["ParameterValue"] for each in stack["Parameters"]}
    assert given["DeletionProtection"] == "true"
    kept = secret_of(run)
    assert kept["client_secret"] == place[0].their.client_secret
    assert doctor.OWNERS_MARK in kept


def test_the_artefacts_are_private_and_versioned_and_kept(place: tuple[Rehearsal, Path]) -> None:
    run = deployer(place)
    s3, bucket = run.client("s3"), run.artefacts.bucket
    assert all(s3.get_public_access_block(Bucket=bucket)["PublicAccessBlockConfiguration"].values())
    assert s3.get_bucket_versioning(Bucket=bucket)["Status"] == "Enabled"
    policy = json.loads(s3.get_bucket_policy(Bucket=bucket)["Policy"])
    (statement,) = policy["Statement"]
    assert statement["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
    (only,) = run.artefacts.history("greenroom")
    assert run.artefacts.template(only.template)["Resources"]


def test_the_owners_own_files_are_served_beside_the_console(place: tuple[Rehearsal, Path]) -> None:
    origin = place[0].public_url.removesuffix("/v1")
    for name, words in (("tiktokabc.txt", VERIFICATION), ("privacy.html", "Privacy")):
        answer = requests.get(f"{origin}/{name}", timeout=30)
        assert (answer.status_code, words in answer.text) == (200, True)


def test_a_second_deployment_changes_nothing_and_keeps_the_secret(
    place: tuple[Rehearsal, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    run = deployer(place)
    before = secret_of(run)
    assert run.diff() is False
    run.deploy(place[0].their.client_secret)
    said = capsys.readouterr().out
    assert "nothing to change" in said
    assert "it is this one already" in said
    assert secret_of(run) == before


def test_the_doctor_knows_what_is_left(
    place: tuple[Rehearsal, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    undone = deployer(place).doctor()
    lines = capsys.readouterr().out.splitlines()
    assert undone == len([each for each in lines if "[TO DO]" in each]) > 0
    done = [each for each in lines if "[done]" in each]
    for words in ("protected", "client key is set", "client secret is set", "TikTok knows the app"):
        assert [each for each in done if words in each], words
    assert not [each for each in lines if place[0].their.client_secret in each]
    for words in ("/tiktok/callback", "/tiktok/webhook", "user.info.basic", "AlarmEmail"):
        assert [each for each in lines if words in each], words


def test_tiktoks_review_is_prepared_and_a_second_time_nothing_is_made(
    place: tuple[Rehearsal, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    run = deployer(place)
    run.review(new_password=False)
    said = capsys.readouterr().out
    for words in ("made: terms.html", "shown once: Gr-", "published", "Why each scope"):
        assert words in said
    run.review(new_password=False)
    again = capsys.readouterr().out
    for words in ("there is one; --new-password", "left as it is"):
        assert words in again
    run.review(new_password=True)
    third = capsys.readouterr().out
    assert "shown once: Gr-" in third
    assert "there is one" in third
    origin = place[0].public_url.removesuffix("/v1")
    terms = requests.get(f"{origin}/terms.html", timeout=30)
    assert terms.ok
    assert "Terms of Greenroom at Demo" in terms.text


def test_an_update_that_would_lose_people_is_refused_before_it_begins(
    place: tuple[Rehearsal, Path],
) -> None:
    def other_key(template: Template) -> None:
        table = template["Resources"]["MarksTable"]["Properties"]
        table["KeySchema"] = [{"AttributeName": "owner", "KeyType": "HASH"}]
        table["AttributeDefinitions"] = table["AttributeDefinitions"][:1]

    def two_indexes(template: Template) -> None:
        table = template["Resources"]["MarksTable"]["Properties"]
        key = [{"AttributeName": "activity_id", "KeyType": "HASH"}]
        table["GlobalSecondaryIndexes"] = [
            {"IndexName": name, "KeySchema": key, "Projection": {"ProjectionType": "ALL"}}
            for name in ("first", "second")
        ]

    def other_secret(template: Template) -> None:
        made = template["Resources"]["TikTokSecret"]["Properties"]["GenerateSecretString"]
        made["PasswordLength"] = 50

    kept = secret_of(deployer(place))
    for change, words in (
        (other_key, "MarksTable would be replaced"),
        (two_indexes, "2 indexes at once"),
        (other_secret, "over the one that is used"),
    ):
        for verb in ("diff", "deploy"):
            run = deployer(place, change=change)
            with pytest.raises(Failure) as told:
                getattr(run, verb)()
            assert words in told.value.what
    assert secret_of(run) == kept
    assert run.stack.status() == "UPDATE_COMPLETE"


def test_an_update_is_told_in_words_and_taken_back_by_a_rollback(
    place: tuple[Rehearsal, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    def one_more(template: Template) -> None:
        template["Resources"]["Extra"] = {"Type": "AWS::SQS::Queue"}

    owner = Owner()
    run = deployer(place, owner, one_more)
    assert run.diff() is True
    assert "adds queue Extra" in capsys.readouterr().out
    assert "Extra" not in {each["LogicalResourceId"] for each in run.stack.members()}
    run.deploy()
    assert "Make these changes?" in owner.asked
    (extra,) = [each for each in run.stack.members() if each["LogicalResourceId"] == "Extra"]
    sqs = run.client("sqs")
    sqs.send_message(QueueUrl=extra["PhysicalResourceId"], MessageBody="work")
    with pytest.raises(Failure, match="1 messages that wait in it"):
        run.rollback()
    sqs.purge_queue(QueueUrl=extra["PhysicalResourceId"])
    run.rollback()
    assert "REMOVES queue Extra" in capsys.readouterr().out
    assert "Extra" not in {each["LogicalResourceId"] for each in run.stack.members()}


def test_a_functions_log_is_printed_and_an_unknown_one_told_with_the_known(
    place: tuple[Rehearsal, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    run = deployer(place)
    run.logs("APIHandler", 3600)
    assert '"route":"GET /health"' in capsys.readouterr().out.replace(": ", ":")
    with pytest.raises(Failure) as told:
        run.logs("Nothing", 60)
    assert "VideosValidate" in told.value.next_step
    assert run.console_url().startswith("https://")


def test_tables_go_back_in_time_beside_those_of_now_and_twice_is_once(
    place: tuple[Rehearsal, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    """The local cloud restores what is there now, whatever the instant: the rest is as in AWS."""
    run = deployer(place)
    before = run.stack.outputs()
    dynamodb = run.client("dynamodb")
    at = datetime.now(UTC) - timedelta(minutes=1)
    under_way = {
        "owner": {"S": "prg_1#mem_1"},
        "performance_id": {"S": "prf_1"},
        "unfinished_in": {"S": "0"},
        "state": {"S": "uploading"},
    }
    note = {"program_id": {"S": "prg_1"}, "item": {"S": "note"}, "name": {"S": "as it was"}}
    live = {
        "PerformancesTable": before["PerformancesTableName"],
        "PointsTable": before["PointsTableName"],
        "ProgramsTable": before["ProgramsTableName"],
    }
    dynamodb.put_item(TableName=live["PerformancesTable"], Item=under_way)
    dynamodb.put_item(TableName=live["ProgramsTable"], Item=note)
    (latest,) = run.artefacts.history("greenroom")[-1:]
    template = run.artefacts.template(latest.template)
    copies = restore.Copies(dynamodb, "greenroom", at, run.steps.note, 0.1)
    copies.make({"PerformancesTable": live["PerformancesTable"]}, template)
    now = {name: value for name, value in under_way.items() if name != "unfinished_in"}
    now["state"] = {"S": "staged"}
    dynamodb.put_item(TableName=live["PerformancesTable"], Item=now)

    for turn in ("first", "second"):
        outputs = deployer(place).restore(at.isoformat(), list(live))
        told = capsys.readouterr().out
        assert ("3 of them are in use already" in told) == (turn == "second")
        for base in live:
            assert outputs[f"{base}Name"] == copies.name(base)
    assert outputs["AuditTableName"] == before["AuditTableName"]
    key = {name: under_way[name] for name in ("owner", "performance_id")}
    went_on = dynamodb.get_item(TableName=copies.name("PerformancesTable"), Key=key)["Item"]
    assert went_on == now
    key = {name: note[name] for name in ("program_id", "item")}
    assert dynamodb.get_item(TableName=copies.name("ProgramsTable"), Key=key)["Item"] == note
    for base, name in live.items():
        assert dynamodb.describe_table(TableName=name)["Table"]["TableStatus"] == "ACTIVE"
        copied = dynamodb.describe_table(TableName=copies.name(base))["Table"]
        assert copied["StreamSpecification"]["StreamEnabled"] is True
        assert copied["DeletionProtectionEnabled"] is True

    run = deployer(place)
    assert run.stage.tables == {base: copies.name(base) for base in live}
    assert run.diff() is False
    run.deploy()
    assert "found valid" in capsys.readouterr().out
    run = deployer(place)
    run.stage = dataclasses.replace(run.stage, tables={})
    with pytest.raises(Failure, match="would leave the stack"):
        run.diff()


def test_credentials_of_another_account_touch_nothing(place: tuple[Rehearsal, Path]) -> None:
    run = deployer(place)
    run.stage = dataclasses.replace(run.stage, account="111122223333")
    for verb in (run.deploy, run.rollback):
        with pytest.raises(Failure, match="belongs"):
            verb()


NOT_RUN = {
    "make rollback STAGE=prod": "run above, with an update to take back",
    "make restore STAGE=prod": "run above, with an instant of now",
    "make destroy STAGE=prod": "run below, for it ends the stack",
    "make deploy": "a mention",
    "make tiktok-review STAGE=prod": "needs a stage with [review]: test_deploy_review.py",
    "make package OUT=build": "what every deployment here does; tests/infra look at the outcome",
    "aws sts get-caller-identity": "AWS's own tool: its words are compared with its API",
    "aws sso login": "signs in at a company's own pages",
    "aws secretsmanager create-secret": "AWS's own tool, as above",
    "aws cloudformation package": "AWS's own tool, as above",
    "aws sqs purge-queue": "AWS's own tool, as above",
    "aws dynamodb": "AWS's own tool, as above",
    ".venv/bin/python -m commands token": "asks for a password: tests/e2e/test_tokens.py",
    ".venv/bin/python -m commands uploads revalidate": "tests/integration/test_lost_uploads.py",
}
"""Commands on the owner's pages that no test here types, and why."""
NOTHING_LEFT_TO_DO = (0, 3)


@pytest.mark.parametrize("page", ["aws.md", "runbook.md"])
def test_every_command_of_the_owners_pages_does_what_it_says(
    place: tuple[Rehearsal, Path], page: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As written, but for the stage's name and the ids: `prod` is the rehearsal here."""
    monkeypatch.setattr(cli, "load", lambda _name: load("rehearsal", place[1]))
    monkeypatch.setattr(cli, "deployer", lambda _stage, **_asked: deployer(place))
    monkeypatch.setattr(commands_main, "Stack", lambda _name: NamedStack("greenroom"))
    pool = deployer(place).stack.outputs()["UserPoolId"]
    with suppress(ClientError):  # the second page finds them there
        deployer(place).client("cognito-idp").admin_create_user(
            UserPoolId=pool, Username="somebody@your-company.example"
        )
    made = commands_main.main.commands["program"].commands["create"]  # type: ignore[attr-defined]
    made = CliRunner().invoke(made, ["--name", "Ids", "--manager", "ids@company.example"])
    program_id = json.loads(made.output.splitlines()[-1])["program_id"]
    ran = 0
    for written in commands_in(page):
        if any(written.startswith(each) for each in NOT_RUN if each != "make deploy"):
            continue
        if written == "make deploy":
            continue
        package, *words = words_of(re.sub(r"\b(PROGRAM-)?ID\b", program_id, written))
        if written.startswith("make deploy"):
            words.append("--allow-dirty")
        group = {"deploy": cli.cli, "commands": commands_main.main}[package]
        result = CliRunner().invoke(group, words, input="the-secret\n")
        assert result.exit_code in NOTHING_LEFT_TO_DO, (written, result.output[-2000:])
        ran += 1
    assert ran >= 7


def test_every_exception_is_on_a_page_and_the_words_for_awss_own_tool_are_its_own() -> None:
    written = [each for page in ("aws.md", "runbook.md") for each in commands_in(page)]
    for known in NOT_RUN:
        assert any(each.startswith(known) for each in written), known
    services = {"sts", "secretsmanager", "sqs", "dynamodb"}
    seen = set()
    for each in written:
        match shlex.split(each):
            case ["aws", service, verb, *options] if service in services:
                model = botocore.session.get_session().get_service_model(service)
                operation = "".join(part.title() for part in verb.split("-"))
                taken = {
                    botocore.xform_name(name, "-")
                    for name in getattr(model.operation_model(operation).input_shape, "members", {})
                }
                given = {
                    option.removeprefix("--").removeprefix("no-")
                    for option in options
                    if option.startswith("--")
                }
                assert given <= taken, each
                seen.add(service)
    assert seen == services


def test_a_stack_is_deleted_by_its_whole_name_and_what_stays_is_told(
    place: tuple[Rehearsal, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    run = deployer(place)
    with pytest.raises(Failure, match="Nothing was deleted"):
        run.destroy("green")
    kept = run.stack.outputs()
    run.destroy("greenroom")
    assert run.stack.status() in {None, "DELETE_COMPLETE"}
    said = capsys.readouterr().out
    for name in (kept["ProgramsTableName"], kept["VideosBucketName"], kept["UserPoolId"]):
        assert name in said
    assert kept["IdempotencyTableName"] not in said
    run.client("dynamodb").describe_table(TableName=kept["ProgramsTableName"])
    with pytest.raises(Failure, match="There is no stack"):
        run.doctor()


def test_a_secret_comes_by_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO("the-secret\n"))
    assert cli._secret() == "the-secret"  # noqa: SLF001  what a command reads
    monkeypatch.setattr(sys, "stdin", io.StringIO("\n"))
    with pytest.raises(Failure, match="No secret"):
        cli._secret()  # noqa: SLF001  what a command reads


def test_a_zip_in_the_bucket_is_named_after_its_content(place: tuple[Rehearsal, Path]) -> None:
    run = deployer(place)
    listed = run.client("s3").list_objects_v2(Bucket=run.artefacts.bucket)["Contents"]
    assert len([each for each in listed if each["Key"].startswith("code/")]) == 1
    assert isinstance(run.artefacts, Artefacts)
