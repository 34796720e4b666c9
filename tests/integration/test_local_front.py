"""The front of a local stack is taken for ready only when it is itself that serves its port."""

import http.server
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import requests

from local import front, ports, processes
from local.failure import Failure
from local.home import Home

PLAN = front.Plan(
    api_url="http://127.0.0.1:9",
    bucket="console",
    endpoint_url="http://127.0.0.1:9",
    origin_key="",
    console_headers={},
    api_headers={},
    pictures_bucket="pictures",
    picture_headers={},
)


@pytest.fixture
def home(tmp_path: Path) -> Home:
    home = Home(tmp_path)
    home.logs.mkdir()
    return home


@contextmanager
def obliging_program(port: int) -> Iterator[list[str]]:
    """Run another program on a port, which accepts everything; yields the requests it got."""
    asked: list[str] = []

    class Answers(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(200)
            self.end_headers()

    with http.server.ThreadingHTTPServer((ports.LOOPBACK, port), Answers) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield asked
        server.shutdown()
    thread.join()


def test_another_program_on_its_port_is_not_taken_for_the_front_and_asked_nothing(
    home: Home,
) -> None:
    port = ports.any_free()
    with obliging_program(port) as asked, pytest.raises(Failure, match="did not start"):
        front.start(home, port, PLAN)
    assert asked == []
    assert not processes.left_behind(home)


def test_a_front_is_ready_once_it_answers_itself(home: Home) -> None:
    port = ports.any_free()
    process = front.start(home, port, PLAN)
    try:
        assert requests.get(f"{front.origin(port)}{front.HEALTH}", timeout=5).text == "ok"
    finally:
        processes.stop_process(process, front.STOP_SECONDS)
