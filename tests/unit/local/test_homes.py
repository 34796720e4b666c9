"""The folder of a stack: one runner at a time, nothing lost, nothing foreign touched."""

import os
import socket
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from local import cloud, ports, processes
from local.failure import Failure
from local.home import Home, held, is_held, read_json, write_private
from local.process_environment import child_environment, isolate_environment


def test_only_one_process_runs_a_stack(tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    assert not is_held(home)
    with held(home):
        assert is_held(home)
        with pytest.raises(Failure, match="Another process"), held(home):
            pass
    assert not is_held(home)


def test_a_killed_runner_leaves_the_stack_free(tmp_path: Path) -> None:
    home = Home(tmp_path)
    holding = (
        "import sys, time; from pathlib import Path; from local.home import Home, held\n"
        "with held(Home(Path(sys.argv[1]))): print('held', flush=True); time.sleep(60)"
    )
    with subprocess.Popen(
        [sys.executable, "-c", holding, str(tmp_path)], stdout=subprocess.PIPE, text=True
    ) as runner:
        assert runner.stdout
        assert runner.stdout.readline() == "held\n"
        assert is_held(home)
        runner.kill()
    assert not is_held(home)


def test_passwords_are_for_their_owner_only(tmp_path: Path) -> None:
    file = tmp_path / "stack.json"
    write_private(file, {"a": 1})
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert read_json(file) == {"a": 1}
    assert [entry.name for entry in tmp_path.iterdir()] == ["stack.json"]


@pytest.mark.parametrize("content", ["", "{", "[]"])
def test_a_half_written_file_counts_as_empty(tmp_path: Path, content: str) -> None:
    file = tmp_path / "kept.json"
    file.write_text(content, encoding="utf-8")
    assert read_json(file) == {}


def test_a_foreign_process_with_our_old_pid_is_left_alone(tmp_path: Path) -> None:
    home = Home(tmp_path)
    write_private(home.processes_file, {"cloud": {"pid": os.getpid(), "mark": "greenroom-x=/no"}})
    assert processes.left_behind(home) == {}


def test_a_child_left_behind_is_found_and_stopped(tmp_path: Path) -> None:
    home = Home(tmp_path)
    sleeping = ["-c", "import time; time.sleep(60)"]
    process = processes.spawn(home, "cloud", Path(sys.executable), sleeping, child_environment())
    child = processes.left_behind(home)["cloud"]
    assert child.pid == process.pid
    assert processes.stop_child(child, 10)
    process.wait()
    assert processes.left_behind(home) == {}


def test_an_orderly_stop_replaces_the_saved_state(tmp_path: Path) -> None:
    home = Home(tmp_path)
    for place, words in ((cloud.saved(home), "old"), (cloud.live(home), "new")):
        place.mkdir(parents=True)
        (place / "state").write_text(words, encoding="utf-8")
    cloud.settle(home, keep=True)
    assert (cloud.saved(home) / "state").read_text(encoding="utf-8") == "new"
    assert [entry.name for entry in home.cloud.iterdir()] == ["saved"]


def test_a_disorderly_stop_keeps_the_saved_state(tmp_path: Path) -> None:
    home = Home(tmp_path)
    for place, words in ((cloud.saved(home), "old"), (cloud.live(home), "half")):
        place.mkdir(parents=True)
        (place / "state").write_text(words, encoding="utf-8")
    cloud.settle(home, keep=False)
    assert (cloud.saved(home) / "state").read_text(encoding="utf-8") == "old"


@pytest.mark.parametrize("seconds", ["0", "60"])
def test_a_cloud_whose_state_is_dropped_is_ended_at_once(tmp_path: Path, seconds: str) -> None:
    process = subprocess.Popen(["sleep", seconds], start_new_session=True)
    if seconds == "0":
        process.wait()
    cloud.Cloud(Home(tmp_path), 0, process).stop(keep=False)
    assert process.returncode is not None


def test_forgetting_leaves_what_is_no_state(tmp_path: Path) -> None:
    home = Home(tmp_path)
    (tmp_path / "build").mkdir()
    cloud.saved(home).mkdir(parents=True)
    write_private(home.kept_file, {})
    home.forget()
    assert [entry.name for entry in tmp_path.iterdir()] == ["build"]


def test_a_taken_port_is_not_chosen() -> None:
    with socket.socket() as taken:
        taken.bind((ports.LOOPBACK, 0))
        taken.listen()
        number = taken.getsockname()[1]
        assert ports.choose(number, number) != number


def test_the_remembered_port_comes_before_the_preferred() -> None:
    first, second = ports.any_free(), ports.any_free()
    assert ports.choose(first, second) == first
    assert ports.choose(None, second) == second


def test_a_real_account_stays_out() -> None:
    environment = {
        "AWS_PROFILE": "company",
        "AWS_ACCESS_KEY_ID": "AKIA",
        "AWS_SESSION_TOKEN": "x",
        "AWS_ENDPOINT_URL": "https://example.com",
        "AWS_CA_BUNDLE": "/ca.pem",
        "NO_PROXY": "example.com",
    }
    isolate_environment(environment)
    assert environment["AWS_ACCESS_KEY_ID"] == "test"
    assert environment["AWS_CA_BUNDLE"] == "/ca.pem"
    assert environment["NO_PROXY"] == "example.com,127.0.0.1,localhost"
    assert not {"AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_ENDPOINT_URL"} & environment.keys()


def test_functions_inherit_nothing_of_the_caller() -> None:
    passed = child_environment({"PATH": "/bin", "AWS_PROFILE": "company", "MY_SECRET": "x"})
    assert passed.keys() == {"PATH", "NO_PROXY", "no_proxy"}
