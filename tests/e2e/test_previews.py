"""A valid video can be watched by who sees it in the feed or manages it, for a while."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import requests

from tests.e2e.deployed_stack import DeployedStack
from tests.e2e.people import Api, new_key


@pytest.mark.parametrize("clip", ["demo.mp4", "demo.webm"])
def test_a_player_gets_the_validated_bytes_whole_and_by_ranges_and_shows_them(
    manager: Api, member: Api, clips: Path, clip: str
) -> None:
    content = (clips / clip).read_bytes()
    upload = manager.upload(clips / clip)
    made = manager.create(upload["upload_id"])["activity_id"]
    fed = next(each for each in member.get("/feed").body["items"] if each["activity_id"] == made)
    listed = manager.get("/activities").body["items"][0]
    for seen in (upload, manager.activity(made), listed, fed):
        video = seen["video"]
        assert manager.watch(video).content == content
        part = manager.watch(video, Range="bytes=1000-1999")
        assert (part.status_code, part.content) == (206, content[1000:2000])
        assert part.headers["Content-Range"] == f"bytes 1000-1999/{len(content)}"
        assert part.headers["Content-Type"] == f"video/{clip.partition('.')[2]}"
        assert part.headers["Content-Disposition"] == "inline"
        end = manager.watch(video, Range="bytes=-100")
        assert (end.status_code, end.content) == (206, content[-100:])
        until = datetime.fromisoformat(video["preview_expires_at"])
        assert abs(until - datetime.now(UTC) - timedelta(hours=1)) < timedelta(minutes=1)


def test_an_address_is_good_for_that_video_and_for_looking_only(
    manager: Api, deployed: DeployedStack, valid_upload: str, rejected_upload: str
) -> None:
    url = manager.get(f"/uploads/{valid_upload}").body["video"]["preview_url"]
    another = url.replace(valid_upload, rejected_upload)
    longer = url.replace("X-Amz-Expires=3600", "X-Amz-Expires=7200")
    shown_otherwise = url.replace("inline", "attachment")

    def try_each() -> None:
        for bent in (another, longer, shown_otherwise, url.partition("?")[0]):
            assert bent != url
            assert requests.get(bent, timeout=30).status_code == 403
        for method in ("PUT", "DELETE", "POST"):
            assert requests.request(method, url, data=b"x", timeout=30).status_code in {403, 405}

    deployed.unchanged_by(try_each)
    assert manager.get(f"/uploads/{rejected_upload}").body["video"] is None


def test_no_address_is_kept_for_replay(
    manager: Api, deployed: DeployedStack, valid_upload: str
) -> None:
    key = new_key()
    first = manager.post("/activities", {"upload_id": valid_upload}, key)
    assert first.body["video"]["preview_url"] is None
    assert manager.post("/activities", {"upload_id": valid_upload}, key).raw == first.raw
    kept = "\n".join(str(each.get("body")) for each in deployed.items("IdempotencyTable"))
    assert "X-Amz-Signature" not in kept
