"""A video is read by ranges where it lies in S3, and nothing else takes its place meanwhile."""

import io
from collections.abc import Iterator
from typing import TYPE_CHECKING

import boto3
import pytest
from moto import mock_aws

from chalicelib.videos.probe import read_header
from chalicelib.videos.ranges import BLOCK_BYTES, ObjectChanged, s3_reader
from tests.corpus.fixtures import clip

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


@pytest.fixture
def s3(monkeypatch: pytest.MonkeyPatch) -> Iterator["S3Client"]:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    with mock_aws():
        client = boto3.client("s3", region_name="us-east-1")
        client.create_bucket(Bucket="incoming")
        yield client


def put(s3: "S3Client", content: bytes) -> str:
    return s3.put_object(Bucket="incoming", Key="clip", Body=content)["ETag"]


def test_an_object_is_examined_where_it_lies(s3: "S3Client") -> None:
    content = clip("demo.mp4")
    reader = s3_reader(s3, "incoming", "clip", put(s3, content), len(content))
    assert read_header(reader, len(content)) == read_header(io.BytesIO(content), len(content))
    assert (reader.gets, reader.bytes_fetched) == (1, len(content))


def test_an_etag_may_come_without_its_quotes_as_in_an_event(s3: "S3Client") -> None:
    etag = put(s3, b"abc").strip('"')
    assert s3_reader(s3, "incoming", "clip", etag, 3).read() == b"abc"


def test_an_object_replaced_between_two_reads_is_noticed(s3: "S3Client") -> None:
    size = 2 * BLOCK_BYTES
    reader = s3_reader(s3, "incoming", "clip", put(s3, bytes(size)), size)
    assert reader.read(1) == b"\0"
    put(s3, b"\1" * size)
    reader.seek(BLOCK_BYTES)
    with pytest.raises(ObjectChanged):
        reader.read(1)


def test_an_object_that_went_away_is_noticed(s3: "S3Client") -> None:
    reader = s3_reader(s3, "incoming", "clip", put(s3, b"abc"), 3)
    s3.delete_object(Bucket="incoming", Key="clip")
    with pytest.raises(ObjectChanged):
        read_header(reader, 3)


def test_any_other_answer_of_s3_passes_through(s3: "S3Client") -> None:
    reader = s3_reader(s3, "no-such-bucket", "clip", '"0"', 3)
    with pytest.raises(s3.exceptions.NoSuchBucket):
        reader.read()
