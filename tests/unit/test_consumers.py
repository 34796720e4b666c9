"""Every consumer of events has a test that sends it events twice, late and in another order."""

import ast
from collections.abc import Mapping

import pytest

from local import functions
from local.home import PROJECT
from local.template import declarations

SHOWN: Mapping[str, tuple[str, str]] = {
    "activities_apply_verdicts": (
        "test_activities.py",
        "test_a_good_verdict_opens_all_activities_that_waited_and_comes_twice_in_vain",
    ),
    "performances_disconnect_removed_members": (
        "test_accounts.py",
        "test_a_removal_that_is_told_twice_late_or_before_an_earlier_one_releases_each_member_once",
    ),
    "points_mark_changed_leaderboards": (
        "test_leaderboard.py",
        "test_changes_that_are_told_twice_late_and_in_any_order_lead_to_one_and_the_same_board",
    ),
    "webhooks_fan_out": (
        "test_notice_properties.py",
        "test_events_doubled_and_reordered_are_delivered_to_a_webhook_once_each",
    ),
    "reports_count_events": (
        "test_reports.py",
        "test_events_doubled_and_reordered_give_the_same_counts_and_a_recount_finds_nothing",
    ),
    "reports_make_exports": (
        "test_report_exports.py",
        "test_a_request_that_comes_twice_or_days_late_makes_no_second_file",
    ),
    "rewards_remove_pictures": (
        "test_rewards.py",
        "test_a_picture_that_is_replaced_or_taken_away_is_removed_and_the_one_shown_stays",
    ),
    "notifications_record_events": (
        "test_notice_properties.py",
        "test_events_replayed_reordered_and_doubled_give_the_same_notices_and_mails",
    ),
}


def test_every_consumer_of_events_is_named_here() -> None:
    declared = functions.declared(declarations(PROJECT / "infra"))
    assert {each.name for each in declared if "events" in each.source} == SHOWN.keys()


@pytest.mark.parametrize("consumer", SHOWN)
def test_the_test_of_a_consumer_is_there(consumer: str) -> None:
    file, name = SHOWN[consumer]
    tree = ast.parse((PROJECT / "tests/integration" / file).read_text(encoding="utf-8"))
    assert name in {each.name for each in tree.body if isinstance(each, ast.FunctionDef)}
