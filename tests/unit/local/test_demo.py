"""The demo's own parts: the streamed form, the guesses, what is read from answers."""

import base64
import json
from email import message_from_bytes
from pathlib import Path

import pytest

from local import demo, seed
from local.demo import Form


@pytest.mark.parametrize("step", [1, 7, 64, 4096, -1])
def test_a_form_is_read_in_pieces_of_any_size(tmp_path: Path, step: int) -> None:
    video = tmp_path / 'a "strange"\n name.mp4'
    video.write_bytes(bytes(range(256)) * 9)
    form = Form({"key": "incoming/x", "policy": "p"}, video, "video/mp4")
    body = b""
    while piece := form.read(step):
        body += piece
    assert len(body) == len(form)
    header = f'Content-Type: multipart/form-data; boundary="{form.boundary}"\r\n\r\n'
    message = message_from_bytes(header.encode() + body)
    parts = message.get_payload()
    assert isinstance(parts, list)
    named = {
        part.get_param("name", header="content-disposition"): part.get_payload(decode=True)
        for part in parts
        if not isinstance(part, str)
    }
    assert named == {"key": b"incoming/x", "policy": b"p", "file": video.read_bytes()}


def test_the_content_type_is_told_from_the_content(clips: Path, tmp_path: Path) -> None:
    assert demo.guess_content_type(clips / "demo.mp4") == "video/mp4"
    assert demo.guess_content_type(clips / "demo.webm") == "video/webm"
    words = tmp_path / "words.webm"
    words.write_text("no video", encoding="utf-8")
    assert demo.guess_content_type(words) == "video/mp4"


def test_the_largest_size_is_read_from_the_policy() -> None:
    policy = {"conditions": [{"bucket": "b"}, ["content-length-range", 1, 52_428_800]]}
    encoded = base64.b64encode(json.dumps(policy).encode()).decode()
    assert demo.largest({"policy": encoded}) == 52_428_800


@pytest.mark.parametrize(
    ("me", "balance"),
    [({"points": {"balance": 7, "earned": 9}}, 7), ({"balance": 3}, 3), ({"email": "x"}, None)],
)
def test_a_balance_is_found_or_null(me: dict[str, object], balance: int | None) -> None:
    assert demo.balance_in(me) == balance


def test_the_program_id_is_read_from_the_commands_answer() -> None:
    assert seed.program_id_in('{"program_id": "p1"}') == "p1"
    assert seed.program_id_in('made it\n{"program_id": "p1"}\n') == "p1"
    assert seed.program_id_in("no such stack") is None
