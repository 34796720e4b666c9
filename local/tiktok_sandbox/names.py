"""Names of the sandbox's people: what may stand in an address and on a page."""

import re

MAX_NAME_LENGTH = 60
_NAME = re.compile(r"[^\W_][\w .'@+-]*")


def check_name(name: str) -> str:
    """The name, if it may be one; ValueError otherwise."""
    if len(name) > MAX_NAME_LENGTH or not _NAME.fullmatch(name):
        raise ValueError(
            f"a name starts with a letter or digit, has at most {MAX_NAME_LENGTH} characters,"
            " and no others than letters, digits, spaces and . ' @ + - _"
        )
    return name
