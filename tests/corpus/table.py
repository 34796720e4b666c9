"""The table of every fixture and its verdict, in docs/videos.md."""

from collections.abc import Sequence
from pathlib import Path

from tests.corpus.verdicts import Verdict

PAGE = Path(__file__).parents[2] / "docs" / "videos.md"
BEGIN, END = "<!-- corpus: begin -->\n", "<!-- corpus: end -->\n"


def table(verdicts: Sequence[Verdict]) -> str:
    good = sum(not each.fixture.problems for each in verdicts)
    lines = [
        f"{good} files that may be used, {len(verdicts) - good} that may not. GETs and bytes are "
        "those of one examination, by ranges of a bucket.",
        "",
        "| file | what it is | verdict | seen by | size | GETs | bytes read |",
        "|---|---|---|---|--:|--:|--:|",
    ]
    for each in verdicts:
        codes = ", ".join(f"`{code}`" for code in each.problems) or "valid"
        cost = f"{_cost(each, each.gets)} | {_cost(each, each.bytes_fetched)}"
        lines.append(
            f"| `{each.fixture.name}` | {each.fixture.what} | {codes} | {_look(each)} "
            f"| {each.size_bytes:,} | {cost} |"
        )
    return "\n".join(lines) + "\n"


def _look(verdict: Verdict) -> str:
    return verdict.look if verdict.problems else "both"


def _cost(verdict: Verdict, amount: int) -> str:
    """How far a look came that was broken off depends on the machine."""
    return "" if verdict.look == "neither" else f"{amount:,}"


def with_table(page: str, new: str) -> str:
    """Return a page with the table between its marks replaced."""
    before, rest = page.split(BEGIN)
    _, after = rest.split(END)
    return before + BEGIN + new + END + after
