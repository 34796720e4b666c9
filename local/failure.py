"""The exception of `local/` whose message people read."""


class Failure(Exception):
    """An expected failure, with what to do next. Shown without a traceback."""

    def __init__(self, what: str, next_step: str) -> None:
        super().__init__(what)
        self.what = what
        self.next_step = next_step


def tail(text: str, lines: int = 15) -> str:
    """Return the end of a long output, indented, to show beneath a failure."""
    return "\n".join(f"    {line}" for line in text.splitlines()[-lines:])
