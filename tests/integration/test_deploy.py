"""A stack's life as its owner leads it, against the local cloud: the very template AWS is given.

Each test goes on with the stack as the one before left it.
"""

import dataclasses
import io
import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

import deploy.__main__ as cli
from deploy import doctor
from deploy.artefacts import Artefacts
from deploy.run import Deployer, Surroundings
from deploy.stage import load
from local.failure import Failure
from local.home import Home
from local.package import Package
from local.rehearsal import Rehearsal, rehearsal
from local.template import Template

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
    surroundings = made.surroundings()
    if change:
        surroundings = dataclasses.replace(surroundings, build=changed(surroundings, change))
    return Deployer(load("rehearsal", folder), owner or Owner(), surroundings, allow_dirty=True)


def changed(
    surroundings: Surroundings, change: Callable[[Template], None]
) -> Callable[[str], Package]:
    """Package the app with another template."""

    class Changed(Package):
        def template(self) -> Template:
            content = super().template()
            change(content)
            return content

    def build(architecture: str) -> Package:
        made = surroundings.build(architecture)
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


def test_credentials_of_another_account_touch_nothing(place: tuple[Rehearsal, Path]) -> None:
    run = deployer(place)
    run.stage = dataclasses.replace(run.stage, account="111122223333")
    for verb in (run.deploy, run.rollback):
        with pytest.raises(Failure, match="belongs"):
            verb()


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
