"""Several cuts of one activity over HTTP: waited for, dealt, sent as shown, counted apart."""

import hashlib
from collections import Counter
from pathlib import Path

from tests.e2e.deployed_stack import DeployedStack
from tests.e2e.people import Api
from tests.e2e.test_reports import reported
from tests.e2e.tiktok_members import TikTokMembers

CLIPS = ("demo.mp4", "demo.webm", "three_seconds.mp4")


def sent_in(manager: Api, clip: Path) -> str:
    """Post a file and give its upload's id, without waiting for the verdict."""
    form = manager.ask_for_upload("video/webm" if clip.suffix == ".webm" else "video/mp4")
    manager.post_file(form, clip.read_bytes())
    return form.upload_id


def test_each_member_sends_the_cut_that_their_feed_shows_and_the_report_counts_it_apart(
    tiktok_members: TikTokMembers, clips: Path
) -> None:
    manager = tiktok_members.manager
    uploads = [sent_in(manager, clips / clip) for clip in CLIPS]
    of_upload = dict(zip(uploads, CLIPS, strict=True))
    made = manager.create(uploads[0], further_upload_ids=uploads[1:], points=10)
    activity = made["activity_id"]
    assert [each["upload_id"] for each in made["cuts"]] == uploads
    settled = manager.settled(activity)
    assert (settled["status"], settled["problems"]) == ("active", [])
    for cut in settled["cuts"]:
        assert cut["status"] == "valid"
        content = (clips / of_upload[cut["upload_id"]]).read_bytes()
        assert manager.watch(cut["video"]).content == content

    had: Counter[str] = Counter()
    for sender in [tiktok_members.one().connected() for _ in range(4)]:
        (item,) = (
            each
            for each in sender.api.get("/feed").body["items"]
            if each["activity_id"] == activity
        )
        shown = sender.api.watch(item["video"]).content
        staged = sender.reaches(sender.perform(activity), "staged")
        share = sender.tiktok.share(staged["publish_id"])
        assert share["sha256"] == hashlib.sha256(shown).hexdigest()
        again = sender.api.get(f"/feed/{activity}").body["video"]
        assert again["size_bytes"] == item["video"]["size_bytes"] == len(shown)
        (clip,) = (each for each in CLIPS if (clips / each).read_bytes() == shown)
        had[clip] += 1

    refused = manager.patch(
        f"/activities/{activity}",
        {"version": settled["version"], "further_upload_ids": uploads[1:2]},
    )
    assert refused.problem == (409, "activity_performed")
    report = reported(
        manager, f"/activities/{activity}/report", lambda seen: seen["whole"]["staged"] == 4
    )
    assert [(each["number"], each["upload_id"]) for each in report["cuts"]] == [
        *enumerate(uploads, 1)
    ]
    assert {of_upload[each["upload_id"]]: each["staged"] for each in report["cuts"]} == {
        clip: had[clip] for clip in CLIPS
    }
    performers = manager.get(f"/activities/{activity}/performances").body["items"]
    assert Counter(of_upload[each["cut"]] for each in performers) == had


def test_one_refused_cut_keeps_the_activity_from_everybody_until_it_is_taken_away(
    tiktok_members: TikTokMembers,
    deployed: DeployedStack,
    clips: Path,
    valid: str,
    rejected_upload: str,
) -> None:
    manager, sender = tiktok_members.manager, tiktok_members.one()
    with deployed.validation_paused():
        bad = sent_in(manager, clips / "two_seconds.mp4")
        activity = manager.create(valid, further_upload_ids=[bad])["activity_id"]
        assert manager.activity(activity)["status"] == "processing"
    rejected = manager.settled(activity)
    assert rejected["status"] == "rejected"
    assert [each["status"] for each in rejected["cuts"]] == ["valid", "rejected"]
    assert all(each["message"].startswith("Cut 2: ") for each in rejected["problems"])
    assert rejected["cuts"][1]["problems"][0]["code"] == "too_short"
    assert activity not in sender.api.feed()

    saved = manager.patch(
        f"/activities/{activity}", {"version": rejected["version"], "further_upload_ids": []}
    )
    assert (saved.status, saved.body["status"], saved.body["cuts"]) == (200, "active", [])
    assert activity in sender.api.feed()

    at_once = manager.post("/activities", {"upload_id": valid, "further_upload_ids": [bad]})
    assert at_once.problem == (409, "upload_not_valid")
    assert (at_once.body["cut"], at_once.body["upload_id"]) == (2, bad)
    twice = manager.post("/activities", {"upload_id": valid, "further_upload_ids": [valid]})
    assert twice.problem == (422, "invalid_request")
    assert twice.body["errors"][0]["code"] == "repeated"
    again = manager.upload(clips / "demo.mp4")["upload_id"]
    same = manager.post("/activities", {"upload_id": valid, "further_upload_ids": [again]})
    assert same.problem == (422, "invalid_request")
    assert same.body["errors"][0]["code"] == "same_file"
    strange = manager.post(
        "/activities", {"upload_id": valid, "further_upload_ids": [rejected_upload]}
    )
    assert strange.problem == (404, "not_found")  # another program's
    many = {"upload_id": valid, "further_upload_ids": [f"upl_{at}" for at in range(10)]}
    assert manager.post("/activities", many).problem == (422, "invalid_request")


def test_a_duplicate_is_dealt_from_the_same_cuts(
    tiktok_members: TikTokMembers, clips: Path, valid: str
) -> None:
    manager = tiktok_members.manager
    other = manager.upload(clips / "demo.webm")["upload_id"]
    activity = manager.create(valid, further_upload_ids=[other])["activity_id"]
    copy = manager.post(f"/activities/{activity}/duplicate", {})
    assert (copy.status, copy.body["further_upload_ids"]) == (201, [other])
    assert copy.body["status"] == "active"
