"""The one exception of `local/` that people are meant to read."""


class Failure(Exception):
    """Something expected went wrong: says what, and what to do next. Shown without a traceback."""

    def __init__(self, what: str, next_step: str) -> None:
        super().__init__(what)
        self.what = what
        self.next_step = next_step


def tail(text: str, lines: int = 15) -> str:
    """The end of a long output, indented, for showing beneath a failure."""
    return "\n".join(f"    {line}" for line in text.splitlines()[-lines:])
