"""What got lost on an upload's way is found by the clock, and nothing is left of what failed."""

from pathlib import Path

from tests.e2e.deployed_stack import DeployedStack, an_hour_ago
from tests.e2e.people import Api
from tests.e2e.waiting import wait_for


def test_a_lost_arrival_is_validated_an_unused_upload_expires_and_a_stray_copy_goes(
    manager: Api, deployed: DeployedStack, clips: Path
) -> None:
    with deployed.validation_paused():
        lost, vanished, unused = (manager.ask_for_upload() for _ in range(3))
        for form in (lost, vanished):
            manager.post_file(form, (clips / "demo.mp4").read_bytes())
        made = [manager.create(form.upload_id)["activity_id"] for form in (lost, vanished)]
        deployed.lose_arrivals(2)
        # As the bucket's lifecycle does after a day.
        incoming = deployed.names["IncomingBucket"]
        deployed.s3.delete_object(Bucket=incoming, Key=vanished.fields["key"])
    # As a validator leaves it that dies after its copy.
    stray = f"{lost.fields['key'].replace('incoming/', 'videos/')}/stray"
    deployed.s3.put_object(Bucket=deployed.names["VideosBucket"], Key=stray, Body=b"stray")
    deployed.change_upload(lost.upload_id, copies={stray})
    for form in (vanished, unused):
        deployed.let_form_expire(form.upload_id)
    for form in (lost, vanished, unused):
        deployed.change_upload(form.upload_id, look_at=an_hour_ago())

    deployed.tick("VideosSweepStuckUploads")

    assert manager.verdict(lost.upload_id)["status"] == "valid"
    for form in (vanished, unused):
        assert deployed.stored_upload(form.upload_id)["state"] == "expired"
        assert manager.get(f"/uploads/{form.upload_id}").body["status"] == "expired"
    kept, settled = (manager.settled(each) for each in made)
    assert kept["status"] == "active"
    assert settled["status"] == "rejected"
    assert [each["code"] for each in settled["problems"]] == ["file_not_received"]

    deployed.change_upload(lost.upload_id, look_at=an_hour_ago())
    deployed.tick("VideosSweepStuckUploads")
    wait_for("The stray copy being removed", lambda: stray not in deployed.objects("VideosBucket"))
    assert manager.watch(manager.activity(made[0])["video"]).status_code == 200
    assert "unfinished_in" not in deployed.stored_upload(lost.upload_id)
