"""Kept state on other ports: every address in it follows, and nothing else is touched."""

import json
from pathlib import Path

import pytest

from local import port_rewriting, ports, run
from local.home import DEFAULT_HOME, Home
from local.steps import Steps

QUEUE = "http://127.0.0.1:4566/000000000000/staging"


def state(folder: Path, saved: dict[str, int] | None, **files: object) -> Path:
    """A folder of kept state, with the ports it was saved with unless they are not known."""
    (folder / "state").mkdir(parents=True)
    for name, content in files.items():
        (folder / "state" / f"{name}.json").write_text(json.dumps(content), encoding="utf-8")
    if saved is not None:
        (folder / port_rewriting.PORTS_FILE).write_text(json.dumps(saved), encoding="utf-8")
    return folder


def read(folder: Path, name: str) -> object:
    return json.loads((folder / "state" / f"{name}.json").read_text(encoding="utf-8"))


def test_names_values_and_parts_of_longer_texts_follow_to_the_new_port(tmp_path: Path) -> None:
    live = state(
        tmp_path,
        {"cloud": 4566},
        sqs={f"0\x00us-east-1\x00'{QUEUE}'": {"QueueUrl": QUEUE}},
        functions={"env": {"QUEUE": QUEUE}, "text": json.dumps({"at": [QUEUE, "127.0.0.1:4566"]})},
    )
    assert port_rewriting.rewrite_ports(live, {"cloud": 27060}) == {"cloud": (4566, 27060)}
    kept = json.dumps([read(live, "sqs"), read(live, "functions")])
    assert "4566" not in kept
    assert kept.count("127.0.0.1:27060") == 5
    assert port_rewriting.saved_ports(live) == {"cloud": 27060}


@pytest.mark.parametrize(
    "other",
    [
        "http://127.0.0.1:45660/x",
        "http://127.0.0.1:456/x",
        "http://10.127.0.0.1:4566/x",
        "http://example.com:4566/x",
        "arn:aws:sqs:us-east-1:000000000000:4566",
        "4566",
        4566,
    ],
)
def test_addresses_that_only_resemble_ours_stay(tmp_path: Path, other: object) -> None:
    live = state(tmp_path, {"cloud": 4566}, items={"other": other, "ours": QUEUE})
    port_rewriting.rewrite_ports(live, {"cloud": 27060})
    assert read(live, "items") == {"other": other, "ours": QUEUE.replace("4566", "27060")}


def test_programs_that_swap_their_ports_keep_their_own_addresses(tmp_path: Path) -> None:
    cloud, tiktok = "http://127.0.0.1:4566/a", "http://127.0.0.1:4580/b"
    live = state(tmp_path, {"cloud": 4566, "tiktok": 4580}, items=[cloud, tiktok])
    port_rewriting.rewrite_ports(live, {"cloud": 4580, "tiktok": 4566})
    assert read(live, "items") == ["http://127.0.0.1:4580/a", "http://127.0.0.1:4566/b"]


def test_on_the_same_ports_no_file_is_written(tmp_path: Path) -> None:
    live = state(tmp_path, {"cloud": 4566}, sqs={QUEUE: 1})
    file = live / "state" / "sqs.json"
    before = file.stat().st_mtime_ns
    assert port_rewriting.rewrite_ports(live, {"cloud": 4566, "tiktok": 4580}) == {}
    assert file.stat().st_mtime_ns == before
    assert port_rewriting.saved_ports(live) == {"cloud": 4566, "tiktok": 4580}


def test_state_saved_before_ports_were_is_known_by_the_names_of_its_queues(tmp_path: Path) -> None:
    live = state(tmp_path, None, sqs={f"0\x00us-east-1\x00'{QUEUE}'": {}}, items=[QUEUE])
    assert port_rewriting.rewrite_ports(live, {"cloud": 27060}) == {"cloud": (4566, 27060)}
    assert read(live, "items") == [QUEUE.replace("4566", "27060")]


def test_a_start_that_did_not_come_up_does_not_make_the_next_one_lose_the_old_port(
    tmp_path: Path,
) -> None:
    """Its choice is remembered, the state it worked on is not: only the state knows its ports."""
    saved = state(tmp_path / "saved", {"cloud": 4566}, sqs={QUEUE: 1})
    for _ in range(2):
        live = state(
            tmp_path / f"live{_}", port_rewriting.saved_ports(saved), sqs=read(saved, "sqs")
        )
        assert port_rewriting.rewrite_ports(live, {"cloud": 27060}) == {"cloud": (4566, 27060)}
        assert read(live, "sqs") == {QUEUE.replace("4566", "27060"): 1}


def test_nothing_kept_is_nothing_to_rewrite(tmp_path: Path) -> None:
    assert port_rewriting.rewrite_ports(tmp_path / "live", {"cloud": 4566}) == {}


# Choosing


@pytest.fixture
def taken(monkeypatch: pytest.MonkeyPatch) -> set[int]:
    """Ports that other programs have."""
    numbers: set[int] = set()
    monkeypatch.setattr(ports, "is_free", lambda port: port not in numbers)
    return numbers


def test_where_both_preferred_ports_are_always_taken_two_others_are_used_from_the_start(
    taken: set[int], capsys: pytest.CaptureFixture[str]
) -> None:
    taken |= set(run.PREFERRED_PORTS.values())
    kept: dict[str, object] = {}
    for _ in range(2):
        for name, preferred in run.PREFERRED_PORTS.items():
            run.choose_port(kept, name, preferred, Home(DEFAULT_HOME), Steps(1))
        said = capsys.readouterr().out
        if _ == 0:
            first = dict(kept["ports"])  # type: ignore[call-overload]  # a mapping, of a mapping
            assert not set(first.values()) & taken
            assert len(set(first.values())) == len(run.PREFERRED_PORTS)
            for preferred in run.PREFERRED_PORTS.values():
                assert f"port {preferred} is taken by another program" in said
        else:
            assert kept["ports"] == first
            assert "taken" not in said


def test_a_stack_in_a_folder_of_its_own_leaves_the_preferred_ports_to_the_clones(
    taken: set[int], tmp_path: Path
) -> None:
    kept: dict[str, dict[str, int]] = {}
    for name, preferred in run.PREFERRED_PORTS.items():
        run.choose_port(kept, name, preferred, Home(tmp_path), Steps(1))
    assert not set(kept["ports"].values()) & set(run.PREFERRED_PORTS.values())


def test_a_port_that_is_chosen_but_not_in_use_yet_is_not_chosen_again(
    taken: set[int], tmp_path: Path
) -> None:
    kept = {"ports": {"cloud": 4580}}
    run.choose_port(kept, "tiktok", 4580, Home(DEFAULT_HOME), Steps(1))
    assert kept["ports"]["tiktok"] != 4580
