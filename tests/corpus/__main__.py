"""`python -m tests.corpus`: the verdict on every fixture.

--write-docs puts the table into docs/videos.md, --write FOLDER the files into a folder.
"""

import argparse
import sys
from pathlib import Path

from tests.corpus import ffprobe
from tests.corpus.fixtures import FIXTURES
from tests.corpus.table import PAGE, table, with_table
from tests.corpus.verdicts import verdicts


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.corpus", description=__doc__)
    parser.add_argument("--write-docs", action="store_true")
    parser.add_argument("--write", type=Path, metavar="FOLDER")
    options = parser.parse_args()
    if options.write:
        options.write.mkdir(parents=True, exist_ok=True)
        for fixture in FIXTURES:
            (options.write / fixture.name).write_bytes(fixture.make())
        return 0
    found = verdicts(ffprobe.found(), FIXTURES)
    if options.write_docs:
        PAGE.write_text(with_table(PAGE.read_text(), table(found)))
    else:
        sys.stdout.write(table(found))
    wrong = [each for each in found if each.problems != each.fixture.problems]
    for each in wrong:
        sys.stderr.write(f"{each.fixture.name}: {each.problems}, not {each.fixture.problems}\n")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
