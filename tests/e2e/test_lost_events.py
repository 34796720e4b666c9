"""What hangs on an event happens without it, too."""

from pathlib import Path

from tests.e2e.deployed_stack import DeployedStack
from tests.e2e.people import Api
from tests.e2e.waiting import wait_for


def test_a_verdict_whose_event_is_lost_is_applied_by_the_clock(
    manager: Api, deployed: DeployedStack, clips: Path
) -> None:
    with deployed.consumer_paused("ActivitiesApplyVerdicts"):
        with deployed.validation_paused():
            form = manager.ask_for_upload()
            manager.post_file(form, (clips / "demo.mp4").read_bytes())
            activity = manager.create(form.upload_id)["activity_id"]
            assert manager.activity(activity)["status"] == "processing"
        assert manager.verdict(form.upload_id)["status"] == "valid"

        def swept() -> bool:
            deployed.tick("ActivitiesSweepDueActivities")
            return bool(manager.activity(activity)["status"] == "active")

        wait_for("The sweep applying the verdict", swept)
    assert manager.activity(activity)["status"] == "active"
