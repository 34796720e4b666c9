"""A file becomes an activity in a member's feed, or is refused with what is wrong with it."""

import hashlib
from pathlib import Path
from typing import Any

import pytest

from chalicelib.videos.model import MAX_TRIES
from chalicelib.videos.ranges import ObjectChanged
from tests.e2e.deployed_stack import DeployedStack
from tests.e2e.people import Api, post_form, without_previews
from tests.e2e.waiting import wait_for

BAD_CLIPS = {
    "two_seconds.mp4": ["too_short"],
    "seventy_seconds.mp4": ["too_long"],
    "small_480p.mp4": ["resolution_too_low"],
    "fifteen_fps.mp4": ["frame_rate_too_low"],
    "mpeg4_part2.mp4": ["unsupported_codec"],
    "quicktime.mov": ["unsupported_container"],
    "matroska.mkv": ["unsupported_container"],
    "audio_only.mp4": ["no_video_track"],
    "cover_art.mp4": ["no_video_track"],
    "text.mp4": ["not_a_video"],
}


@pytest.mark.parametrize(
    ("clip", "facts"),
    [
        (
            "demo.mp4",
            {"container": "mp4", "codec": "h264", "width": 540, "height": 960, "has_audio": True},
        ),
        (
            "demo.webm",
            {"container": "webm", "codec": "vp9", "width": 540, "height": 960, "has_audio": True},
        ),
    ],
)
def test_a_good_video_becomes_an_activity_in_the_feed(
    manager: Api, member: Api, clips: Path, clip: str, facts: dict[str, Any]
) -> None:
    upload = manager.upload(clips / clip)
    assert (upload["status"], upload["problems"]) == ("valid", [])
    video = upload["video"]
    assert {name: video[name] for name in facts} == facts
    assert video["size_bytes"] == (clips / clip).stat().st_size
    assert video["duration_seconds"] == pytest.approx(4, abs=0.1)

    made = manager.create(upload["upload_id"], instructions="Share our new roast", points=25)
    assert made["status"] == "active"
    assert (made["video"]["preview_url"], made["video"]["preview_expires_at"]) == (None, None)
    assert without_previews(made["video"]) == without_previews(video)

    item = next(
        each
        for each in member.get("/feed").body["items"]
        if each["activity_id"] == made["activity_id"]
    )
    assert (item["instructions"], item["points"]) == ("Share our new roast", 25)
    assert without_previews(item["video"]) == without_previews(video)
    connected = member.get("/me").body["tiktok_account"] is not None
    assert (item["action"]["kind"], item["action"]["label"]) == (
        ("send_to_tiktok", "Send to TikTok")
        if connected
        else ("add_account_and_send", "Add Your Account & Send")
    )
    assert "TikTok inbox" in item["action"]["reminder"]


def test_instructions_and_points_have_defaults(manager: Api, valid_upload: str) -> None:
    made = manager.create(valid_upload)
    assert made["instructions"] == "Share this video on TikTok"
    assert (made["points"], made["featured"]) == (0, False)
    assert made["ends_at"] is made["starts_at"] is None


def test_a_manager_has_a_feed_too(manager: Api, valid_upload: str) -> None:
    made = manager.create(valid_upload)
    assert made["activity_id"] in manager.feed()


@pytest.mark.parametrize(("clip", "codes"), BAD_CLIPS.items())
def test_a_bad_video_is_rejected_with_its_problems_and_carries_no_activity(
    manager: Api, clips: Path, clip: str, codes: list[str]
) -> None:
    upload = manager.upload(clips / clip)
    assert upload["status"] == "rejected"
    assert [each["code"] for each in upload["problems"]] == codes
    assert upload["video"] is None
    assert all(each["message"] and each["limit"] is not None for each in upload["problems"])

    refused = manager.post("/activities", {"upload_id": upload["upload_id"]})
    assert refused.problem == (409, "upload_not_valid")
    assert refused.body["problems"] == upload["problems"]


def test_the_container_is_told_from_the_content_not_from_what_was_declared(
    manager: Api, clips: Path
) -> None:
    form = manager.ask_for_upload("video/mp4")
    manager.post_file(form, (clips / "demo.webm").read_bytes())
    upload = manager.verdict(form.upload_id)
    assert (upload["status"], upload["video"]["container"]) == ("valid", "webm")


def test_the_validated_bytes_are_kept_and_nothing_is_left_in_incoming(
    manager: Api, deployed: DeployedStack, clips: Path
) -> None:
    upload_id = manager.upload(clips / "demo.mp4")["upload_id"]
    key = next(key for key in deployed.objects("VideosBucket") if f"/{upload_id}/" in key)
    kept = deployed.s3.get_object(Bucket=deployed.names["VideosBucket"], Key=key)
    wanted = hashlib.sha256((clips / "demo.mp4").read_bytes()).hexdigest()
    assert hashlib.sha256(kept["Body"].read()).hexdigest() == wanted
    assert kept["ContentType"] == "video/mp4"
    wait_for(
        "Incoming being empty of the upload",
        lambda: not any(each.endswith(upload_id) for each in deployed.objects("IncomingBucket")),
    )


def test_only_the_bytes_that_were_examined_are_copied(
    manager: Api, deployed: DeployedStack, clips: Path
) -> None:
    """S3 itself compares: whatever is posted between looking and copying is not kept."""
    with deployed.validation_paused():
        form = manager.ask_for_upload()
        manager.post_file(form, (clips / "demo.mp4").read_bytes())
        container = deployed.container()
        _, program_id, upload_id = form.fields["key"].split("/")
        upload = container.upload_store.get(program_id, upload_id)
        assert upload is not None
        arrived = container.video_files.arrived_file(upload.incoming_key)
        assert arrived is not None
        manager.post_file(form, (clips / "demo.webm").read_bytes())
        with pytest.raises(ObjectChanged):
            container.video_files.copy_to_videos(upload, arrived[0], "video/mp4")
    assert manager.verdict(upload_id)["video"]["container"] == "webm"
    kept = [key for key in deployed.objects("VideosBucket") if f"/{upload_id}/" in key]
    assert len(kept) == 1
    assert arrived[0].strip('"') not in kept[0]


def test_a_second_file_posted_with_the_form_changes_nothing(
    manager: Api, deployed: DeployedStack, clips: Path
) -> None:
    form = manager.ask_for_upload()
    manager.post_file(form, (clips / "demo.mp4").read_bytes())
    before = manager.verdict(form.upload_id)
    kept = deployed.objects("VideosBucket")
    assert post_form(form.url, form.fields, (clips / "text.mp4").read_bytes()).status_code == 204
    wait_for(
        "The second file being removed",
        lambda: form.fields["key"] not in deployed.objects("IncomingBucket"),
    )
    after = manager.get(f"/uploads/{form.upload_id}").body
    assert without_previews(after) == without_previews(before)
    assert deployed.objects("VideosBucket") == kept


def test_an_event_that_comes_twice_or_for_a_file_that_is_gone_changes_nothing(
    manager: Api, deployed: DeployedStack, clips: Path
) -> None:
    """Queues deliver at least once, S3 tells of keys that were removed since."""
    decided = manager.upload(clips / "demo.mp4")
    waiting = manager.ask_for_upload()
    decided_key = next(
        key.rpartition("/")[0].replace("videos/", "incoming/")
        for key in deployed.objects("VideosBucket")
        if f"/{decided['upload_id']}/" in key
    )
    for key in (decided_key, waiting.fields["key"], "incoming/nobody/asked"):
        deployed.announce(key)
    wait_for("The queue being empty", deployed.arrivals_handled)
    after = manager.get(f"/uploads/{decided['upload_id']}").body
    assert without_previews(after) == without_previews(decided)
    assert deployed.failed_arrivals() == 0
    manager.post_file(waiting, (clips / "demo.mp4").read_bytes())
    assert manager.verdict(waiting.upload_id)["status"] == "valid"


def test_an_activity_on_an_upload_still_validating_becomes_active_by_itself(
    manager: Api, member: Api, deployed: DeployedStack, clips: Path
) -> None:
    with deployed.validation_paused():
        form = manager.ask_for_upload()
        manager.post_file(form, (clips / "demo.mp4").read_bytes())
        made = [manager.create(form.upload_id, points=points)["activity_id"] for points in (1, 2)]
        assert [manager.activity(each)["status"] for each in made] == ["processing", "processing"]
        assert not set(made) & set(member.feed())
    settled = [manager.settled(each) for each in made]
    assert [each["status"] for each in settled] == ["active", "active"]
    assert [each["video"]["container"] for each in settled] == ["mp4", "mp4"]
    assert set(made) <= set(member.feed())


def test_an_activity_on_an_upload_still_validating_is_rejected_with_the_problems_by_itself(
    manager: Api, member: Api, deployed: DeployedStack, clips: Path
) -> None:
    with deployed.validation_paused():
        form = manager.ask_for_upload()
        manager.post_file(form, (clips / "two_seconds.mp4").read_bytes())
        made = manager.create(form.upload_id)["activity_id"]
    settled = manager.settled(made)
    assert settled["status"] == "rejected"
    assert [each["code"] for each in settled["problems"]] == ["too_short"]
    assert made not in member.feed()
    assert manager.post(f"/activities/{made}/end").problem == (409, "activity_rejected")


def test_an_activity_ended_while_its_upload_is_validating_stays_ended(
    manager: Api, member: Api, deployed: DeployedStack, clips: Path
) -> None:
    with deployed.validation_paused():
        form = manager.ask_for_upload()
        manager.post_file(form, (clips / "demo.mp4").read_bytes())
        ended, other = (manager.create(form.upload_id)["activity_id"] for _ in range(2))
        assert manager.end(ended)["status"] == "ended"
    assert manager.settled(other)["status"] == "active"
    assert manager.activity(ended)["status"] == "ended"
    assert ended not in member.feed()


def test_an_upload_that_could_not_be_examined_is_rejected_and_says_so(
    manager: Api, deployed: DeployedStack, clips: Path
) -> None:
    """After three tries its message lands where messages that failed do."""
    with deployed.validation_paused():
        form = manager.ask_for_upload()
        manager.post_file(form, (clips / "demo.mp4").read_bytes())
        activity = manager.create(form.upload_id)["activity_id"]
        deployed.change_upload(form.upload_id, tries=MAX_TRIES)
        for _ in range(2):
            deployed.announce(form.fields["key"], "ArrivalsFailed")
        upload = manager.verdict(form.upload_id)
    assert (upload["status"], [each["code"] for each in upload["problems"]]) == (
        "rejected",
        ["could_not_be_examined"],
    )
    assert manager.settled(activity)["status"] == "rejected"


def test_an_upload_whose_file_never_came_expires_by_itself(
    manager: Api, deployed: DeployedStack
) -> None:
    """Forms live for minutes; the stored time is moved back instead of waiting."""
    form = manager.ask_for_upload()
    assert manager.get(f"/uploads/{form.upload_id}").body["status"] == "awaiting_file"
    deployed.let_form_expire(form.upload_id)
    assert manager.get(f"/uploads/{form.upload_id}").body["status"] == "expired"
    refused = manager.post("/activities", {"upload_id": form.upload_id})
    assert refused.problem == (409, "upload_not_valid")
    assert refused.body["upload_status"] == "expired"


def test_health_names_the_build_and_what_it_depends_on(nobody: Api) -> None:
    body = nobody.get("/health").body
    assert body["status"] == "ok"
    assert body["build"] not in {"", "unknown"}
    assert set(body["checks"].values()) == {"ok"}


def test_everybody_may_change_their_name_and_time_zone(member: Api) -> None:
    before = member.get("/me").body
    changed = member.patch("/me", {"name": "  Ana Maria ", "time_zone": "Asia/Kathmandu"})
    assert (changed.status, changed.body["name"]) == (200, "Ana Maria")
    assert member.get("/me").body == changed.body
    assert changed.body["time_zone"] == "Asia/Kathmandu"
    back = member.patch("/me", {"name": before["name"], "time_zone": before["time_zone"]})
    assert back.body == before
