"""Where forms are posted and videos are watched: at the bucket's own name, which CSP allows."""

from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from botocore import auth

from chalicelib.foundation.aws import Clients, UrlPresigner

BUCKET = "greenroom-videosbucket-1abc"


def addresses() -> set[str]:
    s3: Any = Clients().s3
    form = s3.generate_presigned_post(BUCKET, "incoming/a")["url"]
    watched = s3.generate_presigned_url("get_object", Params={"Bucket": BUCKET, "Key": "videos/a"})
    return {
        f"{urlsplit(each).netloc}/{urlsplit(each).path.split('/')[1]}" for each in (form, watched)
    }


@pytest.mark.parametrize("region", ["us-east-1", "eu-central-1"])
def test_a_bucket_is_addressed_by_its_own_regional_name(
    monkeypatch: pytest.MonkeyPatch, region: str
) -> None:
    monkeypatch.setenv("AWS_DEFAULT_REGION", region)
    host = f"{BUCKET}.s3.{region}.amazonaws.com"
    assert addresses() == {f"{host}/", f"{host}/videos"}


def test_at_an_address_in_numbers_the_bucket_stands_in_the_path(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:4566")
    assert addresses() == {f"127.0.0.1:4566/{BUCKET}"}


@pytest.mark.parametrize("endpoint", [None, "http://127.0.0.1:4566", "https://s3.example"])
@pytest.mark.parametrize("token", ["", "a token/of+a session="])
def test_a_read_is_presigned_as_the_client_presigns_it(
    monkeypatch: pytest.MonkeyPatch, endpoint: str | None, token: str
) -> None:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-central-1")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "key")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    monkeypatch.setenv("AWS_SESSION_TOKEN", token)
    if endpoint:
        monkeypatch.setenv("AWS_ENDPOINT_URL", endpoint)
    else:
        monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    at = datetime(2026, 12, 1, 9, tzinfo=UTC)
    monkeypatch.setattr(auth, "get_current_datetime", lambda *_, **__: at)
    s3: Any = Clients().s3
    reads = UrlPresigner(s3, BUCKET)
    for key in ("videos/prg_1/upl_1/0f", "odd/~a b+c&d=e?f#\u00e9%2F"):
        asked = {"Bucket": BUCKET, "Key": key, "ResponseContentType": "video/mp4"}
        theirs = s3.generate_presigned_url(
            "get_object", Params={**asked, "ResponseContentDisposition": "inline"}, ExpiresIn=3600
        )
        query = {"response-content-type": "video/mp4", "response-content-disposition": "inline"}
        mine = reads.url(key, 3600, query)
        assert urlsplit(mine)[:3] == urlsplit(theirs)[:3]
        assert dict(parse_qsl(urlsplit(mine).query)) == dict(parse_qsl(urlsplit(theirs).query))
