"""The one rule for texts that people read: names, instructions, captions, lines, foreign words.

It takes out what misleads or is left over from copying (control characters, bidirectional
overrides, hidden tags) and keeps what a script or an emoji needs (joiners, variation selectors,
combining marks, direction marks). A text in which nothing is visible becomes the empty text.
"""

import re
import unicodedata

_LINE_BREAK_PATTERN = re.compile("\r\n|[\n\v\f\r\x1c-\x1e\x85\u2028\u2029]")
_VARIATION_SELECTORS = "\u180b-\u180d\u180f\ufe00-\ufe0f\U000e0100-\U000e01ef"
_NONCHARACTERS = "".join(
    chr((plane << 16) + last) for plane in range(1, 17) for last in (0xFFFE, 0xFFFF)
)
_REMOVED_PATTERN = re.compile(
    "["
    "\x00-\x09\x0b-\x1f\x7f-\x9f"  # control characters
    # Embeddings, overrides and isolates show letters in another order than the one they are
    # written in, also beyond the end of the text. Phones wrap copied names in them.
    "\u202a-\u202e\u2066-\u2069"
    "\u206a-\u206f\ufeff\ufff0-\ufffc"  # deprecated, or leftovers of files and of rich text
    "\ud800-\udfff"  # halves of characters, which no file and no database takes
    f"\ufdd0-\ufdef\ufffe\uffff{_NONCHARACTERS}"
    "\U000e0000-\U000e001f\U000e0080-\U000e00ff\U000e01f0-\U000e0fff"  # reserved, never shown
    "]"
)
# A selector says how the letter before it is drawn; a second one, or one at the start, hides text.
_LOOSE_SELECTORS_PATTERN = re.compile(
    f"(?:(?<=[{_VARIATION_SELECTORS}])|(?<!\\S))[{_VARIATION_SELECTORS}]+"
)
# Tags spell, after a black flag, whose flag it is (England's: gbeng); elsewhere they hide text.
_FLAG_TAGS_PATTERN = re.compile(
    "(\U0001f3f4[\U000e0030-\U000e0039\U000e0061-\U000e007a]{2,6}\U000e007f)"
    "|[\U000e0020-\U000e007f]"
)
# The one table of what shows nothing: what is left of Unicode's Default_Ignorable_Code_Point and of
# its format characters, without the tags of flags; and symbols and fillers that are drawn empty
# (braille without dots, a note without a head, blank hieroglyphs, Khitan's filler).
_INVISIBLE_PATTERN = re.compile(
    f"[{_VARIATION_SELECTORS}\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180e\u200b-\u200f\u2060-\u2065"
    "\u3164\uffa0\U0001bca0-\U0001bca3\U0001d173-\U0001d17a"
    "\u2800\U0001d159\U00013430-\U0001343f\U00013441\U00013442\U00016fe4]"
)
# Format characters that are drawn: signs that stand under or over the digits after them.
_VISIBLE_FORMATS_PATTERN = re.compile(
    "[\u0600-\u0605\u06dd\u070f\u0890\u0891\u08e2\U000110bd\U000110cd]"
)
_STYLE_DECOMPOSITIONS = frozenset(
    {"<wide", "<narrow", "<font", "<noBreak"}
)  # each stands for one other letter
_COMBINING_CATEGORIES = frozenset({"Me", "Mn"})
MAX_COMBINING_MARKS = 8
"""Over and under one letter; no script has as many, and more of them hide the lines around."""

_INVISIBLE_CATEGORIES = frozenset({"Cc", "Cf", "Mc", "Me", "Mn", "Zl", "Zp", "Zs"})

_WORD_JOINER = "\u2060"  # shows nothing, and keeps what it parts on one line
_LINK_STARTS_PATTERN = re.compile(r"(?<=[@#!])(?=\S)|(?<=:)(?=//)|(?<=\w\.)(?=\w)")
"""Behind what begins a mention, a channel or an address, and between the labels of a host name."""


def clean_paragraphs(text: str) -> str:
    r"""Return a text of one or more lines as it is kept; empty if nothing in it is visible.

    Line breaks of all kinds become `\n`, tabs become spaces.
    """
    plain = _LINE_BREAK_PATTERN.sub("\n", text).replace("\t", " ").replace("\x1f", " ")
    plain = _FLAG_TAGS_PATTERN.sub(lambda found: found[1] or "", _REMOVED_PATTERN.sub("", plain))
    plain = unicodedata.normalize("NFC", _LOOSE_SELECTORS_PATTERN.sub("", plain)).strip()
    plain = _limit_combining_marks(plain)
    return plain if is_visible(plain) else ""


def clean_line(text: str) -> str:
    """Return a text of one line as it is kept, single-spaced; empty if nothing in it is visible."""
    return " ".join(clean_paragraphs(text).split())


def clean_external_line(text: object, longest: int) -> str:
    """Return a text that another system or a file brought as one clean line of bounded length.

    Empty for anything but a text, and if nothing in it is visible.
    """
    return clean_line(clean_line(text)[:longest]) if isinstance(text, str) else ""


def lookalike_key(text: str) -> str:
    """Return the form in which names that look alike are the same name.

    Capitals, white space, what is invisible, and the width and style of letters do not count.
    """
    plain = "".join(map(_plain_letter, _INVISIBLE_PATTERN.sub("", clean_line(text))))
    letters = unicodedata.normalize("NFD", plain).casefold()
    return " ".join(unicodedata.normalize("NFC", _INVISIBLE_PATTERN.sub("", letters)).split())


def _plain_letter(letter: str) -> str:
    kind, _, code = unicodedata.decomposition(letter).partition("> ")
    return chr(int(code, 16)) if kind in _STYLE_DECOMPOSITIONS else letter


def _limit_combining_marks(text: str) -> str:
    kept, row = [], 0
    for letter in text:
        row = row + 1 if unicodedata.category(letter) in _COMBINING_CATEGORIES else 0
        if row <= MAX_COMBINING_MARKS:
            kept.append(letter)
    return "".join(kept)


def is_visible(text: str) -> bool:
    """Return whether anything in a text leaves a mark of its own on the screen."""
    return any(
        unicodedata.category(letter) not in _INVISIBLE_CATEGORIES
        or _VISIBLE_FORMATS_PATTERN.match(letter)
        for letter in _INVISIBLE_PATTERN.sub("", text)
    )


def without_links(text: str) -> str:
    """Return a text in which no program that shows it sees a mention or a link; it looks alike."""
    return _LINK_STARTS_PATTERN.sub(_WORD_JOINER, text)
