"""An upload's status by the clock, and the keys of its two places."""

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.videos.model import (
    ARRIVAL_GRACE,
    DECIDED,
    FORM_LIFETIME,
    Upload,
    UploadStatus,
    VideoFacts,
    broken_rules,
    facts_from,
    parse_incoming_key,
    problems_from,
)
from tests.clock import NOON

UPLOAD = Upload(
    program_id="prg_1",
    upload_id="upl_1",
    state=UploadStatus.AWAITING_FILE,
    content_type="video/mp4",
    created_by="mem_1",
    created_at=NOON,
    form_expires_at=NOON + FORM_LIFETIME,
    correlation_id="correlation-1",
)
LAST = UPLOAD.form_expires_at + ARRIVAL_GRACE


def test_an_upload_waits_for_its_file_until_the_form_and_the_grace_are_over() -> None:
    assert UPLOAD.status_at(NOON) is UploadStatus.AWAITING_FILE
    assert UPLOAD.status_at(LAST) is UploadStatus.AWAITING_FILE
    assert UPLOAD.status_at(LAST + timedelta(seconds=1)) is UploadStatus.EXPIRED


@pytest.mark.parametrize("state", sorted({*DECIDED, UploadStatus.VALIDATING}))
def test_once_a_file_arrived_the_clock_changes_nothing(state: UploadStatus) -> None:
    upload = replace(UPLOAD, state=state)
    assert upload.status_at(NOON) is state
    assert upload.status_at(LAST + timedelta(days=400)) is state


def test_an_incoming_key_leads_back_to_its_upload_and_a_video_key_does_not() -> None:
    assert parse_incoming_key(UPLOAD.incoming_key) == ("prg_1", "upl_1")
    assert parse_incoming_key(UPLOAD.video_key_for('"etag"')) is None


def test_other_bytes_of_an_upload_have_another_place_and_so_have_those_of_another_upload() -> None:
    others = (replace(UPLOAD, upload_id="upl_2"), replace(UPLOAD, program_id="prg_2"))
    places = {
        UPLOAD.video_key_for('"a"'),
        UPLOAD.video_key_for('"b"'),
        *(each.video_key_for('"a"') for each in others),
    }
    assert len(places) == 4
    assert UPLOAD.video_key_for('"a"') == UPLOAD.video_key_for("a")


@pytest.mark.parametrize(
    "key",
    [
        "",
        "incoming",
        "incoming/",
        "incoming//",
        "incoming/prg_1",
        "incoming/prg_1/",
        "incoming//upl_1",
        "incoming/prg_1/upl_1/more",
        "/incoming/prg_1/upl_1",
        "other/prg_1/upl_1",
    ],
)
def test_a_key_of_another_shape_is_none_of_ours(key: str) -> None:
    assert parse_incoming_key(key) is None


@given(st.text())
def test_any_key_is_ours_to_the_letter_or_not_at_all(key: str) -> None:
    ids = parse_incoming_key(key)
    if ids is not None:
        assert replace(UPLOAD, program_id=ids[0], upload_id=ids[1]).incoming_key == key


def test_facts_and_problems_are_read_as_they_were_kept() -> None:
    facts = VideoFacts(size_bytes=10, container="mkv", has_video=True, frame_rate=12.5)
    kept = {name: getattr(facts, name) for name in VideoFacts.__slots__}
    assert facts_from(kept) == facts
    problems = broken_rules(facts)
    assert len(problems) > 1
    assert problems_from([each.to_dict() for each in problems]) == problems
    assert facts_from(None) is None
    assert problems_from(None) == ()
