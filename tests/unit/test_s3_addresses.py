"""Where forms are posted and videos are watched: at the bucket's own name, which CSP allows."""

from typing import Any
from urllib.parse import urlsplit

import pytest

from chalicelib.foundation.aws import Clients

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
