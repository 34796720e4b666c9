"""Every CSV file of the product, opened by LibreOffice: no formula runs, and names are right.

The long form of `test_report_exports.py`, of some minutes: it runs where `soffice` is installed
(`apt-get install libreoffice-calc --no-install-recommends`), and says so where it is not.
"""

import shutil
import subprocess
import xml.etree.ElementTree as ET
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from chalicelib.programs.model import ChannelKind
from chalicelib.reports.report_exports.store import Table
from tests.clock import StoppedClock
from tests.integration.reporting_greenroom import ReportingGreenroom
from tests.integration.test_report_exports import exported

SOFFICE = shutil.which("soffice")
SECONDS = 600
TABLE = "{urn:oasis:names:tc:opendocument:xmlns:table:1.0}"
TEXT = "{urn:oasis:names:tc:opendocument:xmlns:text:1.0}"
COMMAS, COMMAS_AND_SEMICOLONS, SEMICOLONS = "44", "44/59", "59"
"""What LibreOffice takes a file apart at, as the codes of its filter."""
NAMES = (
    '=HYPERLINK("http://x.example","Zoë")',
    "+1+1",
    "-1+2",
    "@SUM(A1)",
    "\uff1d1+1",
    "Zoë;=1+1",
    'Zoë;"=1+1;"',
    "Zoë 茶 Ünal-Öztürk",
    "עדי",
    'Quote " and, comma',
)

pytestmark = pytest.mark.skipif(
    SOFFICE is None, reason="NO LIBREOFFICE: that no CSV file runs a formula is not tried in one"
)


type Opened = tuple[list[list[str]], list[str]]
"""The cells of a file, row by row, and the formulas that were found in it."""


def opened(files: Sequence[Path], separators: str, into: Path) -> dict[str, Opened]:
    """Open files as UTF-8, with formulas switched on; give what each of them is then."""
    assert SOFFICE
    subprocess.run(
        [
            SOFFICE,
            f"-env:UserInstallation={(into / 'profile').as_uri()}",
            "--headless",
            f"--infilter=CSV:{separators},34,76,1,,0,false,true,false,false,false,-1,true",
            "--convert-to",
            "fods",
            "--outdir",
            str(into),
            *map(str, files),
        ],
        check=True,
        capture_output=True,
        timeout=SECONDS,
    )
    return {each.stem: _read(into / f"{each.stem}.fods") for each in files}


def _read(file: Path) -> Opened:
    root = ET.parse(file).getroot()  # noqa: S314  LibreOffice wrote it
    rows = [
        ["\n".join("".join(each.itertext()) for each in cell.iter(f"{TEXT}p")) for cell in row]
        for row in root.iter(f"{TABLE}table-row")
    ]
    formulas = [found for cell in root.iter() if (found := cell.get(f"{TABLE}formula"))]
    return rows, formulas


@pytest.fixture
def reporting(clock: StoppedClock) -> Iterator[ReportingGreenroom]:
    made = ReportingGreenroom(clock)
    yield made
    made.close()


def test_a_file_that_is_not_made_harmless_runs_here(tmp_path: Path) -> None:
    """So that nothing below passes because formulas were off."""
    file = tmp_path / "raw.csv"
    file.write_bytes("\ufeffmember,email\r\n=1+1,Zoë;=1+1\r\n".encode())
    _, formulas = opened([file], COMMAS_AND_SEMICOLONS, tmp_path)["raw"]
    assert len(formulas) == 2


def test_no_file_runs_a_formula_and_names_are_read_as_they_are(
    reporting: ReportingGreenroom, tmp_path: Path
) -> None:
    container, manager = reporting.container, reporting.manager
    activity = reporting.activity()
    campaign = container.campaigns.create(manager, "=1+1")
    for number, name in enumerate(NAMES):
        member = reporting.join(f"m{number}")
        kept = container.programs.member(member.program_id, member.member_id)
        assert kept
        container.program_store.change_profile(kept, replace(kept, name=name))
        reporting.perform_and_stage(member, activity, "posts")
        container.channels.create(manager, name, ChannelKind.PUBLIC)
    reporting.deliver_all()
    files: list[Path] = []
    written: dict[str, list[list[str]]] = {}
    for table in Table:
        thing = campaign.campaign_id if table is Table.CAMPAIGN else activity.activity_id
        made, written[table.value] = exported(reporting, table, thing_id=thing)
        content = reporting.cloud.objects[made.key]
        assert content.startswith(b"\xef\xbb\xbf")
        files.append(tmp_path / f"{table.value}.csv")
        files[-1].write_bytes(content)
    for number, separators in enumerate((COMMAS, COMMAS_AND_SEMICOLONS, SEMICOLONS)):
        into = tmp_path / str(number)
        into.mkdir()
        for name, (rows, formulas) in opened(files, separators, into).items():
            assert formulas == [], (name, separators)
            if separators != SEMICOLONS:
                assert _texts(rows) == _texts(written[name]), name
    for table in (Table.MEMBERS, Table.PERFORMANCES, Table.CHANNELS):
        assert set(NAMES[7:]) <= {row[0] for row in written[table.value]}


def _texts(rows: list[list[str]]) -> list[list[str]]:
    """Return the cells that are texts; the spreadsheet shows numbers and times its own way."""
    texts = ([cell for cell in row if cell and not cell[0].isdigit()] for row in rows)
    return [row for row in texts if row]
