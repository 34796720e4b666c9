"""One origin: what is /v1 is the API's, as it is; the rest is the console's, with its headers."""

import requests

from local import ports
from local.stack import RunningStack
from tests.e2e.people import TIMEOUT_SECONDS, Api


def origin(stack: RunningStack) -> str:
    return stack.api_url.removesuffix("/v1")


def test_an_answer_of_the_api_comes_as_it_is(stack: RunningStack, manager: Api) -> None:
    """Not even its 404 becomes a page."""
    headers = {"Authorization": f"Bearer {manager.token}", "Accept": "text/html"}
    for path in ("/me", "/nowhere", "/activities/act_none"):
        got, past = (
            requests.get(f"{url}{path}", headers=headers, timeout=TIMEOUT_SECONDS)
            for url in (stack.api_url, stack.gateway_url)
        )
        assert (got.status_code, got.content) == (past.status_code, past.content)
        for name in ("Content-Type", "Cache-Control"):
            assert got.headers[name] == past.headers[name]
        assert got.headers["X-Content-Type-Options"] == "nosniff"


def test_the_deployed_policy_limits_what_the_console_may_do(stack: RunningStack) -> None:
    got = requests.get(f"{origin(stack)}/feed", timeout=TIMEOUT_SECONDS)
    directives = got.headers["Content-Security-Policy"].split("; ")
    assert directives[0] == "default-src 'none'"
    aws = str(stack.content["aws"]["endpoint_url"])
    media = next(each for each in directives if each.startswith("media-src"))
    assert media == f"media-src 'self' blob: {aws}/{stack.content['outputs']['VideosBucketName']}/"
    assert got.headers["X-Frame-Options"] == "DENY"


def test_the_console_takes_no_posts(stack: RunningStack) -> None:
    assert requests.post(f"{origin(stack)}/feed", timeout=TIMEOUT_SECONDS).status_code == 403


def test_the_front_is_for_this_machine_alone(stack: RunningStack) -> None:
    assert origin(stack).startswith(f"http://{ports.LOOPBACK}:")
