"""What a post discloses in TikTok: its toggles, the text that is acknowledged, and its evidence."""

import re
from datetime import UTC, datetime
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.activities.model import (
    MAX_CUTS,
    DisclosureLanguage,
    RequiredDisclosure,
    Toggle,
    estimate_reuse,
)
from chalicelib.performances.model import Acknowledgement, acknowledgement_of
from chalicelib.programs.model import ContentDisclosure, DisclosureTick
from local.home import PROJECT

NOON = datetime(2026, 11, 29, 12, tzinfo=UTC)
ALL = [RequiredDisclosure(each, ai) for each, ai in product(ContentDisclosure, (False, True))]
asked = st.sampled_from(ALL)
languages = st.sampled_from(DisclosureLanguage)


def test_each_choice_names_tiktoks_toggles_in_the_order_of_its_post_screen() -> None:
    commercial = Toggle.DISCLOSE_COMMERCIAL_CONTENT
    assert {(each.content_disclosure.value, each.ai_generated): each.toggles for each in ALL} == {
        ("none", False): (),
        ("none", True): (Toggle.AI_GENERATED_CONTENT,),
        ("your_brand", False): (commercial, Toggle.YOUR_BRAND),
        ("your_brand", True): (commercial, Toggle.YOUR_BRAND, Toggle.AI_GENERATED_CONTENT),
        ("branded_content", False): (commercial, Toggle.BRANDED_CONTENT),
        ("branded_content", True): (
            *(commercial, Toggle.BRANDED_CONTENT, Toggle.AI_GENERATED_CONTENT),
        ),
    }


def test_no_two_choices_share_a_version_or_a_text() -> None:
    needed = [each for each in ALL if each.toggles]
    assert len({each.version for each in needed}) == len(needed)
    for language in DisclosureLanguage:
        assert len({each.text(language) for each in needed}) == len(needed)


@given(asked, languages)
def test_a_text_names_every_toggle_and_nothing_is_acknowledged_where_there_is_none(
    what: RequiredDisclosure, language: DisclosureLanguage
) -> None:
    text = what.text(language)
    assert (text is None) is (what.version is None) is (not what.toggles)
    for toggle in what.toggles:
        assert (
            toggle.value.replace("_", " ").casefold().replace("ai generated", "ai-generated")
            in (text or "").casefold()
        )


@given(asked, asked, languages)
def test_a_tick_counts_for_its_own_version_alone(
    now: RequiredDisclosure, then: RequiredDisclosure, language: DisclosureLanguage
) -> None:
    tick = DisclosureTick(then.version, language, NOON) if then.version else None
    if now.version is None:
        assert acknowledgement_of(now, tick) is None
    elif now == then:
        assert acknowledgement_of(now, tick) == Acknowledgement(
            now.version, language, now.text(language), NOON
        )
    else:
        with pytest.raises(ValueError, match="not acknowledged"):
            acknowledgement_of(now, tick)


@given(asked, languages)
def test_the_console_shows_the_very_words_that_are_kept(
    what: RequiredDisclosure, language: DisclosureLanguage
) -> None:
    file = PROJECT / "console" / "src" / "performances" / f"words.{language.value}.ts"
    words = dict(
        re.findall(
            r'^  acknowledge_(\w+): "(.*)",$', file.read_text(encoding="utf-8"), re.MULTILINE
        )
    )
    assert len(words) == 4
    kind = what.content_disclosure
    if kind is ContentDisclosure.NONE:
        shown = words["ai"] if what.ai_generated else None
    else:
        shown = words[kind.value] + (f" {words['ai_too']}" if what.ai_generated else "")
    assert what.text(language) == shown


@given(
    st.integers(0, 100_000), st.integers(0, 10), st.integers(0, 100_000), st.integers(1, MAX_CUTS)
)
def test_captions_and_cuts_share_out_the_people(
    people: int, captions: int, above: int, cuts: int
) -> None:
    found = estimate_reuse(people, captions, above, cuts)
    assert found.video_reused is (0 < above < found.people_per_video)
    assert (found.people_per_video - 1) * cuts < people <= found.people_per_video * cuts or (
        people == found.people_per_video == 0
    )
    assert not found.caption_reused or found.video_reused or cuts > captions
    if captions:
        assert found.people_per_caption * captions >= people
        assert (found.people_per_caption - 1) * captions < people or people == 0
    else:
        assert not found.caption_reused


@pytest.mark.parametrize(
    ("people", "captions", "above", "video", "caption"),
    [
        (50, 1, 50, False, False),
        (51, 1, 50, True, True),
        (100, 2, 50, True, False),
        (101, 2, 50, True, True),
        (100_000, 1, 0, False, False),
    ],
)
def test_managers_are_warned_above_their_programs_limit_and_never_at_zero(
    people: int, captions: int, above: int, video: bool, caption: bool
) -> None:
    found = estimate_reuse(people, captions, above)
    assert (found.video_reused, found.caption_reused) == (video, caption)
