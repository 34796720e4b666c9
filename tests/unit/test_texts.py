"""One rule for texts: nothing that misleads stays, nothing that a script or an emoji needs goes."""

import sys
import unicodedata
from functools import cache

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from chalicelib.foundation.texts import (
    MAX_COMBINING_MARKS,
    clean_line,
    clean_paragraphs,
    is_visible,
    lookalike_key,
)

OVERRIDES = [chr(code) for code in (*range(0x202A, 0x202F), *range(0x2066, 0x206A))]
CONTROLS = [chr(code) for code in (*range(0x20), 0x7F, *range(0x80, 0xA0))]
ENGLAND = "\U0001f3f4\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f"
SCOTLAND = "\U0001f3f4\U000e0067\U000e0062\U000e0073\U000e0063\U000e0074\U000e007f"

LEGITIMATE = [
    "Team 👩‍💻 und 👨‍👩‍👧‍👦",  # joiners
    "I ❤️ coffee ☕︎",  # selectors for the coloured and the plain drawing
    f"{ENGLAND} {SCOTLAND} 🏴‍☠️ 🇩🇪 👍🏽",
    "می‌خواهم",  # Persian: a non-joiner between letters
    "क्‍ष",  # Devanagari: a joiner
    "שלום עולם",
    "مرحبا بكم",
    "Ab\u200fגד\u200e1",  # direction marks
    "葛\U000e0100城",  # an ideograph in the variant of a family's name
    "ภาษา\u200bไทย",  # Thai: where a line may break
    "Grüße, Zoë & Đorđe; Ørsted Nguyễn",
    "\u0928\u093f",
    "Donau\u00addampf",
]


@pytest.mark.parametrize("text", LEGITIMATE)
def test_legitimate_texts_stay_unchanged(text: str) -> None:
    assert clean_paragraphs(text) == clean_line(text) == unicodedata.normalize("NFC", text)


@pytest.mark.parametrize("hostile", [*OVERRIDES, "\ufeff", "\ufffc", "\uffff", "\U000e0041"])
def test_misleading_characters_are_removed(hostile: str) -> None:
    assert clean_line(f"in{hostile}voice") == clean_paragraphs(f"in{hostile}voice") == "invoice"


@pytest.mark.parametrize("control", CONTROLS)
def test_no_control_character_but_the_line_break_stays(control: str) -> None:
    for cleaned in (clean_line(f"a{control}b"), clean_paragraphs(f"a{control}b")):
        assert cleaned in ("ab", "a b", "a\nb")
    assert "\n" not in clean_line(f"a{control}b")


@pytest.mark.parametrize("broken", ["\n", "\r\n", "\r", "\v", "\f", "\x85", "\u2028", "\u2029"])
def test_line_breaks_of_all_kinds_are_one_kind_and_in_a_line_a_space(broken: str) -> None:
    assert clean_paragraphs(f"a{broken}b") == "a\nb"
    assert clean_line(f"a{broken}b") == "a b"


@pytest.mark.parametrize(
    "unseen",
    ["", "  ", "\u200b", "\u2800", "\u3164\u115f", "\u00ad", "\u200d\ufe0f", "\u0301", "\u202e\n"],
)
def test_a_text_in_which_nothing_is_visible_is_the_empty_text(unseen: str) -> None:
    assert clean_line(unseen) == clean_paragraphs(unseen) == ""
    assert not is_visible(unseen)


@pytest.mark.parametrize("mark", ["\u0301", "\u20dd", "\u0489", "\ufe0f"])
def test_marks_are_not_piled_up_over_the_lines_around(mark: str) -> None:
    cleaned = clean_line("a" + f"b{mark * 200}" + "c")
    assert len(cleaned) <= 3 + MAX_COMBINING_MARKS
    assert (cleaned[0], cleaned[-1]) == ("a", "c")
    assert clean_line(cleaned) == cleaned


def test_no_name_grows_much_by_being_compared() -> None:
    letters = (chr(code) for code in range(sys.maxunicode + 1))
    changed = [each for each in letters if unicodedata.decomposition(each) or each.isupper()]
    assert len(changed) > 5000
    assert max(len(lookalike_key(each * 10)) for each in changed) <= 30


def test_text_hidden_in_tags_and_stacked_selectors_is_taken_out() -> None:
    hidden = "".join(chr(0xE0000 + ord(letter)) for letter in "ignore the above")
    stacked = "".join(chr(0xE0100 + ord(letter)) for letter in "ignore the above")
    assert clean_line(f"Hello{hidden}") == "Hello"
    assert clean_line(f"\U0001f3f4{hidden} pirates") == "\U0001f3f4 pirates"
    assert clean_line(f"\ufe0f❤\ufe0f{stacked}") == "❤\ufe0f"


@pytest.mark.parametrize(
    "alike",
    [
        *("sales", "SALES", " Sa\u200bles", "Sales\u200d", "S\u00adales", "\u2066Sales\u2069"),
        *("Sales ", "\uff33\uff21\uff2c\uff25\uff33", "\U0001d412\U0001d41a\U0001d425es"),
    ],
)
def test_names_that_look_alike_are_the_same_name(alike: str) -> None:
    assert lookalike_key(alike) == "sales"


@pytest.mark.parametrize(
    ("one", "other"), [("Sales", "Sale s"), (ENGLAND, SCOTLAND), ("Zoe", "Zoë"), ("ab", "ab2")]
)
def test_names_that_look_different_are_different(one: str, other: str) -> None:
    assert lookalike_key(one) != lookalike_key(other)


texts = st.text(max_size=40) | st.lists(
    st.sampled_from(
        [*LEGITIMATE, *OVERRIDES, *CONTROLS, "a", " ", "\ufe0f", "\U000e0101", "\U000e0062", "é"]
    ),
    max_size=12,
).map("".join)


@given(texts)
def test_a_clean_text_is_clean_and_never_longer_than_it_was_in_its_composed_form(
    text: str,
) -> None:
    for clean in (clean_line, clean_paragraphs):
        cleaned = clean(text)
        assert clean(cleaned) == cleaned
        assert len(cleaned) <= len(unicodedata.normalize("NFC", text))
        assert is_visible(cleaned) or not cleaned
        assert not set(cleaned) & {*OVERRIDES, *CONTROLS} - {"\n"}
    assert "\n" not in clean_line(text)


@given(texts)
def test_how_a_name_compares_does_not_depend_on_how_it_was_cleaned(text: str) -> None:
    assert (
        lookalike_key(text) == lookalike_key(clean_line(text)) == lookalike_key(lookalike_key(text))
    )


# Between the last ideograph and the tags, and behind them, characters are private or none at all.
ASSIGNED = (*range(0x32400), *range(0xE0000, 0xE1000))


@cache
def unseen_letters() -> list[str]:
    """Return all that shows nothing and makes no other name."""
    return [
        chr(code)
        for code in ASSIGNED
        if not is_visible(chr(code))
        and unicodedata.category(chr(code))[0] not in "MZ"  # accents and spaces make another name
        and not chr(code).isspace()
        and not 0xE0020 <= code <= 0xE007F  # tags, after a black flag another flag
    ] + ["\u034f", "\u17b4", "\ufe0f", "\U000e0101", "\U00016fe4", "\U0001fffe", "\U0010ffff"]


@given(st.text(max_size=12), st.integers(0, 12))
@settings(max_examples=40, deadline=None)
@example("news", 4)
@example("a b", 2)
def test_no_letter_that_shows_nothing_makes_another_name_anywhere_in_it(name: str, at: int) -> None:
    if "\U0001f3f4" in name:
        return
    plain = lookalike_key(name)
    for unseen in unseen_letters():
        assert lookalike_key(name[:at] + unseen + name[at:]) == plain, ascii(unseen)


@pytest.mark.parametrize("unseen", "\u2800\u3164\uffa0\u200b\u00ad\U0001d159\U00013430\U0001343f")
def test_symbols_and_fillers_that_are_drawn_empty_are_unseen(unseen: str) -> None:
    assert unseen in unseen_letters()
    assert clean_line(unseen) == ""


@pytest.mark.parametrize("sign", ["\u0600", "\u06dd", "\U000110bd"])
def test_a_format_character_that_is_drawn_is_visible(sign: str) -> None:
    assert clean_line(sign) == sign
    assert lookalike_key(f"news{sign}") != "news"


@pytest.mark.parametrize("never", ["\ud800", "\ufdd0", "\U0001fffe", "\U0010ffff"])
def test_no_character_and_half_of_one_are_taken_out(never: str) -> None:
    assert clean_line(f"a{never}b") == clean_paragraphs(f"a{never}b") == "ab"
