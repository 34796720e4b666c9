"""One stack's life on this machine, with a tiny app: up, again, killed, back, moved, refused.

Each test goes on with the stack as the one before left it, and brings it up where there is none.
"""

import contextlib
import json
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import requests

from local import ports, processes, stack
from local.aws import Aws
from local.home import PROJECT, Home, read_json
from local.stack import RunningStack

APP = """
import os
from chalice import Chalice
app = Chalice("greenroom")

@app.route("/health", cors=True)
def health():
    return {name.lower(): os.environ[name] for name in ("PUBLIC_URL", "QUEUE_URL")}
"""
INFRA = """
Parameters:
  PublicUrl: {Type: String, Default: ""}
Resources:
  UserPool:
    Type: AWS::Cognito::UserPool
    Properties: {UserPoolName: pool, UsernameAttributes: [email]}
  UserPoolClient:
    Type: AWS::Cognito::UserPoolClient
    Properties: {UserPoolId: !Ref UserPool, ExplicitAuthFlows: [ALLOW_USER_PASSWORD_AUTH]}
  Table:
    Type: AWS::DynamoDB::Table
    Properties:
      BillingMode: PAY_PER_REQUEST
      AttributeDefinitions: [{AttributeName: id, AttributeType: S}]
      KeySchema: [{AttributeName: id, KeyType: HASH}]
      TimeToLiveSpecification: {AttributeName: expires, Enabled: true}
  Queue:
    Type: AWS::SQS::Queue
    Properties: {QueueName: messages}
  APIHandler:
    Properties:
      Environment: {Variables: {PUBLIC_URL: !Ref PublicUrl, QUEUE_URL: !Ref Queue}}
Outputs:
  UserPoolId: {Value: !Ref UserPool}
  UserPoolClientId: {Value: !Ref UserPoolClient}
  TableName: {Value: !Ref Table}
  QueueUrl: {Value: !Ref Queue}
"""
READY_SECONDS = 120
STOP_SECONDS = 60


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("project")
    for name in (".chalice", "chalicelib", "infra"):
        (folder / name).mkdir()
    (folder / "app.py").write_text(APP, encoding="utf-8")
    for name in ("requirements.txt", "requirements.lock"):
        (folder / name).write_text("", encoding="utf-8")
    (folder / "infra" / "all.yaml").write_text(INFRA, encoding="utf-8")
    stages = {"v1": {"api_gateway_stage": "v1"}}
    config = {"version": "2.0", "app_name": "greenroom", "stages": stages}
    (folder / ".chalice" / "config.json").write_text(json.dumps(config), encoding="utf-8")
    return folder


def started(home: Home, project: Path) -> subprocess.Popen[str]:
    home.root.mkdir(exist_ok=True)
    options = ["--home", str(home.root), "--project", str(project)]
    with (home.root / "output").open("w") as output:
        return subprocess.Popen(
            [sys.executable, "-m", "local", "run", *options],
            cwd=PROJECT,
            stdout=output,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )


def output_of(home: Home) -> str:
    return (home.root / "output").read_text(encoding="utf-8")


def until_ready(home: Home, process: subprocess.Popen[str]) -> RunningStack:
    deadline = time.monotonic() + READY_SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        running = stack.find(home)
        if running and "Up in" in output_of(home):
            return running
        time.sleep(0.1)
    raise AssertionError(output_of(home))


def ended(process: subprocess.Popen[str]) -> int:
    return process.wait(STOP_SECONDS)


@dataclass
class Life:
    """A stack and the `run` that stays with it."""

    home: Home
    project: Path
    process: subprocess.Popen[str] | None = None

    def up(self) -> RunningStack:
        if self.process is None:
            self.process = started(self.home, self.project)
        return until_ready(self.home, self.process)

    def down(self) -> None:
        assert self.process is not None
        assert stack.stop(self.home)
        assert ended(self.process) == 0
        assert not self.home.stack_file.exists()
        assert not processes.left_behind(self.home)
        self.process = None

    def ended_by(self, number: signal.Signals) -> int:
        """Send the `run` a signal; returns its exit code."""
        assert self.process is not None
        self.process.send_signal(number)
        code = ended(self.process)
        self.process = None
        return code


@pytest.fixture(scope="module")
def life(project: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Life]:
    life = Life(Home(tmp_path_factory.mktemp("life") / "home"), project)
    yield life
    put_away(life.home)


def put_away(home: Home) -> None:
    with contextlib.suppress(Exception):
        stack.stop(home)
    for child in processes.left_behind(home).values():
        processes.stop_child(child, STOP_SECONDS)


def aws_of(running: RunningStack) -> Aws:
    return Aws(running.content["aws"]["endpoint_url"])


def table_of(running: RunningStack) -> str:
    return str(running.content["outputs"]["TableName"])


def keep(running: RunningStack, word: str) -> None:
    aws_of(running).dynamodb.put_item(TableName=table_of(running), Item={"id": {"S": word}})


def kept(running: RunningStack) -> set[str]:
    items = aws_of(running).dynamodb.scan(TableName=table_of(running))["Items"]
    return {each["id"]["S"] for each in items}


def health(running: RunningStack) -> dict[str, str]:
    answer: dict[str, str] = requests.get(f"{running.api_url}/health", timeout=30).json()
    return answer


@contextlib.contextmanager
def foreign_program(port: int) -> Iterator[list[bytes]]:
    """Another program on a port: what it was sent, which must be nothing."""
    heard: list[bytes] = []

    def listen() -> None:
        while True:
            try:
                connection, _ = taken.accept()
            except OSError:
                return
            with connection:
                connection.settimeout(5)
                heard.append(connection.recv(1000))

    with socket.socket() as taken:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        taken.bind((ports.LOOPBACK, port))
        taken.listen()
        thread = threading.Thread(target=listen, daemon=True)
        thread.start()
        yield heard
        taken.shutdown(socket.SHUT_RDWR)
    thread.join(5)


def test_a_new_stack_answers_expires_items_and_allows_other_origins(life: Life) -> None:
    running = life.up()
    assert health(running)["public_url"] == running.api_url
    expiry = aws_of(running).dynamodb.describe_time_to_live(TableName=table_of(running))
    assert expiry["TimeToLiveDescription"].get("AttributeName") == "expires"
    preflight = requests.options(
        f"{running.api_url}/health",
        headers={"Origin": "http://example.com", "Access-Control-Request-Method": "GET"},
        timeout=30,
    )
    assert preflight.headers["Access-Control-Allow-Origin"] == "*"


def test_a_second_run_says_where_the_first_is_and_leaves_it(life: Life) -> None:
    running = life.up()
    second = subprocess.run(
        [sys.executable, "-m", "local", "run", "--home", str(life.home.root)],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert second.returncode == 0
    assert "already running" in second.stdout
    assert running.api_url in second.stdout
    assert life.up() == running


def test_a_killed_run_is_followed_by_one_that_lost_nothing(life: Life) -> None:
    keep(life.up(), "before it was killed")
    assert life.ended_by(signal.SIGKILL) == -signal.SIGKILL
    running = life.up()
    assert "an earlier run was killed" in output_of(life.home)
    assert "before it was killed" in kept(running)


def test_state_passwords_and_addresses_come_back(life: Life) -> None:
    first = life.up()
    keep(first, "before Ctrl-C")
    assert life.ended_by(signal.SIGINT) == 0
    assert not life.home.stack_file.exists()
    second = life.up()
    assert "nothing changed" in output_of(life.home)
    assert second.content == first.content
    assert "before Ctrl-C" in kept(second)


def test_taken_ports_are_said_and_everything_kept_follows_to_new_ones(life: Life) -> None:
    first = life.up()
    keep(first, f"an item that names {first.api_url} and {first.tiktok_url}")
    queue = str(first.content["outputs"]["QueueUrl"])
    aws_of(first).sqs.send_message(QueueUrl=queue, MessageBody="sent before")
    life.down()
    old = dict(read_json(life.home.kept_file)["ports"])
    with contextlib.ExitStack() as programs:
        heard = [programs.enter_context(foreign_program(port)) for port in old.values()]
        second = life.up()
        said = output_of(life.home)
        new = read_json(life.home.kept_file)["ports"]
        for name, port in old.items():
            assert f"port {port} is taken" in said
            assert new[name] != port
        assert second.api_url != first.api_url
        told = health(second)
        assert told["public_url"] == second.api_url
        # The queue is the one that there was, under its new name, and so says the function.
        moved = str(second.content["outputs"]["QueueUrl"])
        assert moved == queue.replace(f":{old['cloud']}/", f":{new['cloud']}/") == told["queue_url"]
        [message] = aws_of(second).sqs.receive_message(QueueUrl=moved)["Messages"]
        assert message.get("Body") == "sent before"
        assert f"an item that names {second.api_url} and {second.tiktok_url}" in kept(second)
        life.down()
        assert heard == [[] for _ in old]
    # Once moved it stays, though the old ports are free again.
    assert life.up().api_url == second.api_url
    assert "taken" not in output_of(life.home)
    life.down()


def test_a_stack_whose_folder_was_moved_comes_back_with_all_it_had(life: Life) -> None:
    first = life.up()
    keep(first, "before the move")
    life.down()
    moved = life.home.root.with_name("moved elsewhere")
    life.home.root.rename(moved)
    life.home = Home(moved)
    second = life.up()
    assert second.api_url == first.api_url
    assert {"before the move"} <= kept(second)
    assert str(moved) in second.content["logs"]["folder"]
    assert health(second)["public_url"] == second.api_url
    life.down()


def test_a_refused_template_names_the_resource_and_the_reason(
    project: Path, tmp_path: Path
) -> None:
    home, broken = Home(tmp_path / "home"), tmp_path / "broken"
    broken.mkdir()
    for name in ("app.py", "requirements.txt", "requirements.lock", "chalicelib", ".chalice"):
        (broken / name).symlink_to(project / name)
    (broken / "infra").mkdir()
    wrong = INFRA.replace("!Ref UserPool, Explicit", "!Ref Nowhere, Explicit")
    (broken / "infra" / "all.yaml").write_text(wrong, encoding="utf-8")
    try:
        assert ended(started(home, broken)) == 1
        said = output_of(home)
        assert "Nowhere" in said
        assert "Traceback" not in said
        assert not processes.left_behind(home)
        assert not home.stack_file.exists()
    finally:
        put_away(home)
