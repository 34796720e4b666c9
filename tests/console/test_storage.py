"""What the browser asks of S3 and the front: files come, forms are posted, previews are sought."""

import re
from typing import TYPE_CHECKING

import pytest
import requests

from local.home import PROJECT
from local.stack import Person, RunningStack
from tests.console.conftest import Browsing
from tests.e2e.people import Api, Witness

if TYPE_CHECKING:
    from playwright.sync_api import Page

CLIP = PROJECT / "tests" / "clips" / "demo.mp4"

POST_FORM = """async ([url, fields]) => {
    const form = new FormData();
    for (const [name, value] of Object.entries(fields)) form.append(name, value);
    form.append("file", new Blob([new Uint8Array(2000)]), "video.mp4");
    try { return (await fetch(url, {method: "POST", body: form})).status; }
    catch (error) { return error.name; }
}"""
PLAY = """async (url) => {
    const video = document.createElement("video");
    video.muted = true;
    video.src = url;
    document.body.append(video);
    await new Promise((done, failed) => {
        video.oncanplay = done;
        video.onerror = () => failed(new Error(video.error.message));
    });
    video.currentTime = video.duration - 0.5;
    await new Promise((done) => { video.onseeked = done; });
    return video.currentTime > video.duration - 1;
}"""
FIRST_BYTES = """async (url) => {
    const video = document.createElement("video");
    video.preload = "none";
    video.src = url;
    document.body.append(video);
    await new Promise((done) => setTimeout(done, 300));
    return performance.getEntriesByName(url).length;
}"""


@pytest.fixture(scope="module")
def api(stack: RunningStack, witness: Witness, manager: Person) -> Api:
    return Api.of(stack, witness, manager)


def test_a_form_is_posted_from_a_page_of_the_consoles(browsing: Browsing, api: Api) -> None:
    page = browsing.page()
    form = api.ask_for_upload()
    assert page.evaluate(POST_FORM, [form.url, form.fields]) == 204


def test_a_preview_is_played_and_sought_and_costs_nothing_before(
    browsing: Browsing, api: Api
) -> None:
    url = api.upload(CLIP)["video"]["preview_url"]
    page = browsing.page()
    assert page.evaluate(FIRST_BYTES, url) == 0
    answered = _ranges(page)
    assert page.evaluate(PLAY, url) is True
    assert 206 in answered


def test_no_other_address_is_asked_by_a_page(browsing: Browsing, stack: RunningStack) -> None:
    """Its policy refuses even the local cloud's, whose buckets it may ask."""
    page = browsing.page()
    elsewhere = str(stack.content["aws"]["endpoint_url"])
    assert page.evaluate(POST_FORM, [f"{elsewhere}/another-bucket", {}]) == "TypeError"
    assert [each for each in browsing.wrong if "connect-src" in each]
    browsing.wrong.clear()


def test_files_of_the_console_come_compressed_to_whom_that_suits(stack: RunningStack) -> None:
    page = requests.get(str(stack.console_url), headers={"Accept-Encoding": ""}, timeout=30)
    scripts = re.findall(r'src="(/assets/[^"]+)"', page.text)
    assert scripts
    url = f"{str(stack.console_url).rstrip('/')}{scripts[0]}"
    plain, small = (
        requests.get(url, headers={"Accept-Encoding": each}, stream=True, timeout=30)
        for each in ("identity", "gzip")
    )
    assert "Content-Encoding" not in plain.headers
    assert small.headers["Content-Encoding"] == "gzip"
    assert int(small.headers["Content-Length"]) < int(plain.headers["Content-Length"]) / 2
    assert small.content == plain.content
    assert small.headers["Content-Security-Policy"] == plain.headers["Content-Security-Policy"]


def _ranges(page: "Page") -> list[int]:
    """Note the status of each answer from here on."""
    statuses: list[int] = []
    page.on("response", lambda answer: statuses.append(answer.status))
    return statuses
