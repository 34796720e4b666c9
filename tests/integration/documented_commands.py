"""The commands that a page of docs/ tells its reader to type."""

import re
import shlex
import subprocess

from local.home import PROJECT

STARTS = ("make ", ".venv/bin/python -m ", "python -m ", "aws ")
INLINE = re.compile(r"`([^`\n]+)`")
BLOCK = re.compile(r"^[ ]*```\n(.*?)^[ ]*```$", re.MULTILINE | re.DOTALL)


def commands_in(page: str) -> list[str]:
    """Return the commands of a page, in its order, each once."""
    text = (PROJECT / "docs" / page).read_text(encoding="utf-8")
    lines = [line.strip() for block in BLOCK.findall(text) for line in _joined(block)]
    lines += INLINE.findall(BLOCK.sub("", text))
    return list(dict.fromkeys(each for each in lines if each.startswith(STARTS)))


def _joined(block: str) -> list[str]:
    return re.sub(r"\\\n\s*", "", block).splitlines()


def words_of(command: str) -> list[str]:
    """Return the words of a Python command, or those that a target of the Makefile would run."""
    if command.startswith("make "):
        ran = subprocess.run(
            ["make", "-n", *shlex.split(command)[1:]],
            cwd=PROJECT,
            capture_output=True,
            text=True,
            check=True,
        )
        command = ran.stdout.splitlines()[-1]
    words = shlex.split(command.replace("...", ""))
    return words[words.index("-m") + 1 :]
