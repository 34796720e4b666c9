"""Pages for people are true and readable: what they name exists, and no paragraph is endless."""

import json
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cache
from pathlib import Path

import click

from commands.__main__ import main as owners_commands
from deploy.__main__ import cli as deploy_commands
from local.__main__ import cli as local_commands
from local.functions import logical_id
from local.home import PROJECT
from local.template import declarations, read

FOLDERS = (
    *(
        ".chalice",
        ".github",
        "bench",
        "chalicelib",
        "commands",
        "console",
        "deploy",
        "docs",
        "infra",
    ),
    *("layers", "local", "tests"),
)
MADE = {"node_modules", "dist", "__pycache__"}
TEXTS = {".py", ".yaml", ".yml", ".toml", ".json", ".ts", ".tsx", ".mjs", ".js", ".sh", ".css"}

FENCE = re.compile(r"^ *```\w*\n(.*?)^ *```$", re.MULTILINE | re.DOTALL)
CODE = re.compile(r"`([^`\n]+)`")
LINK = re.compile(r"\]\(([^)\s]+)\)|\b(?:src|href)=\"([^\"]+)\"")
HEADING = re.compile(r"^#+ +(.+?) *$", re.MULTILINE)
ROUTE = re.compile(r"\b(GET|POST|PUT|PATCH|DELETE) +(/[\w{}/.-]*)")
FILE = re.compile(r"[\w./-]*\w\.(?:py|yaml|yml|toml|json|md|ts|tsx|css|sh|lock|txt)")
UPWARDS = re.compile(r"^(?:\.\.?/)+")
FOLDER = re.compile(r"[\w.-]+(?:/[\w.-]+)*/")
IDENTIFIER = re.compile(
    r"[a-z][a-z0-9]*(?:_[a-z0-9]+)+|[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+|[A-Z][a-z0-9]+(?:[A-Z]\w*)+"
)
PYTHON = re.compile(r"\bpython3? -m ([\w.]+)((?: [a-z][\w-]*)*)")
MAKE = re.compile(r"^make ([a-z][a-z-]*)((?: [A-Z_]+=\S+)*)")
GREENROOM = re.compile(r"^\./greenroom((?: [a-z][\w-]*)+)")

NOT_IN_THE_CLONE = {
    ".local/": "made by what is run here",
    ".local/screenshots/": "made by make screenshots",
    ".local/stack.json": "written by make run",
    "build/sbom.json": "written by make package OUT=build",
    "dist/": "made by the console's build",
    "incoming/": "a prefix of keys in S3",
    "lib/": "a folder within a layer",
    "licenses.md": "made by the console's build",
    "sbom.json": "written by make package OUT=build",
}
"""Paths on pages that no clone holds, and where they come from."""
COMPOSED = {
    "MemoryError": "of Python itself",
    "PARLIAMENT_PYTHON": "read by tests/infra",
    "PerformancesQueueAndRelayLate": "an alarm, composed of its function's name",
    "mcp_types": "a package that was not taken",
    "webhook_paused": "why a delivery failed, composed of the webhook's state",
    "ChannelArchived": "the event that CONTRIBUTING.md adds as an example",
    "failed_inbox_full": "a column of a CSV file, composed of a reason's code",
    "in_inbox_to_posted_longer": "a column of a CSV file, composed of a class of times",
    "seen_to_sent_15_minutes": "likewise",
}
"""Identifiers on pages that no source spells out, and what they are."""
EXAMPLE = ("GET", "/campaigns/{}")
"""The route that CONTRIBUTING.md adds as an example."""


def files() -> Iterator[str]:
    """Yield the paths of a clone's files, without what is installed or built in it."""
    for path in PROJECT.iterdir():
        if path.is_file():
            yield path.name
    for folder in FOLDERS:
        for top, folders, names in (PROJECT / folder).walk():
            folders[:] = [each for each in folders if each not in MADE]
            yield from (str((top / name).relative_to(PROJECT)) for name in names)


FILES = frozenset(files())
PAGES = sorted(each for each in FILES if each.endswith(".md"))


@cache
def text_of(page: str) -> str:
    return (PROJECT / page).read_text(encoding="utf-8", errors="replace")  # a clip ends in .ts


@cache
def code_of(page: str) -> Sequence[str]:
    """Return what a page shows as code: the lines of its blocks, and what stands in backticks."""
    text = text_of(page)
    lines = [
        line.strip()
        for block in FENCE.findall(text)
        for line in re.sub(r"\\\n\s*", "", block).splitlines()
    ]
    return [*lines, *CODE.findall(FENCE.sub("", text))]


def missing(is_wrong: Callable[[str], bool]) -> dict[str, list[str]]:
    """Return by page what it shows as code and what is wrong; the changelog names the past too."""
    pages = set(PAGES) - {"CHANGELOG.md"}
    found = {page: [each for each in code_of(page) if is_wrong(each)] for page in pages}
    return {page: wrong for page, wrong in found.items() if wrong}


def anchors(text: str) -> set[str]:
    """Return the anchors of a page's headings, as GitHub makes them."""
    found: set[str] = set()
    for heading in HEADING.findall(FENCE.sub("", text)):
        words = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).lower()
        anchor = re.sub(r"[^\w\- ]", "", words).replace(" ", "-")
        again = 1
        while (each := anchor if again == 1 else f"{anchor}-{again - 1}") in found:
            again += 1
        found.add(each)
    return found


def broken_links(page: str) -> Iterator[str]:
    for link in (first or second for first, second in LINK.findall(FENCE.sub("", text_of(page)))):
        if re.match(r"[a-z]+:", link):
            continue
        path, _, anchor = link.partition("#")
        target = (PROJECT / page).parent / path if path else PROJECT / page
        if not target.exists() or (
            anchor and anchor not in anchors(target.read_text(encoding="utf-8"))
        ):
            yield link


def test_every_link_leads_to_a_file_and_to_a_heading_in_it() -> None:
    assert {page: found for page in PAGES if (found := [*broken_links(page)])} == {}


def test_anchors_are_those_of_github() -> None:
    text = "# One, `two` & *three*\n## One\n## One\n```\n# none\n```\n### [A](b.md)'s _end_"
    assert anchors(text) == {"one-two--three", "one", "one-1", "as-_end_"}


def test_every_file_and_folder_that_a_page_names_is_in_the_clone() -> None:
    assert (
        missing(
            lambda each: (
                bool(FILE.fullmatch(each) or FOLDER.fullmatch(each))
                and each not in NOT_IN_THE_CLONE
                and not any(f"/{UPWARDS.sub('', each)}" in f"/{file}" for file in FILES)
            )
        )
        == {}
    )


def shape(path: str) -> str:
    return re.sub(r"\{\w+\}", "{}", path.removeprefix("/v1").rstrip("/"))


def test_every_route_that_a_page_names_is_in_openapi() -> None:
    paths = json.loads(text_of("openapi.json"))["paths"]
    routes = {(method.upper(), shape(path)) for path in paths for method in paths[path]}
    assert len(routes) > 100
    assert EXAMPLE not in routes
    routes.add(EXAMPLE)
    assert (
        missing(
            lambda each: any(
                (method, shape(path)) not in routes for method, path in ROUTE.findall(each)
            )
        )
        == {}
    )


@cache
def identifiers() -> frozenset[str]:
    """Return every identifier in the sources, and the names that CloudFormation gives functions."""
    found = set(map(logical_id, declarations(PROJECT / "infra")["Functions"]))
    for each in FILES:
        if (Path(each).suffix in TEXTS and not each.startswith("tests/")) or each == "Makefile":
            found.update(re.findall(r"\w+", text_of(each)))
    return frozenset(found)


def test_every_identifier_that_a_page_names_is_in_the_sources() -> None:
    known = identifiers() | COMPOSED.keys()
    assert missing(lambda each: bool(IDENTIFIER.fullmatch(each)) and each not in known) == {}


def test_the_exceptions_are_on_pages_and_not_in_the_sources() -> None:
    named = {each for page in PAGES for each in code_of(page)}
    assert {*NOT_IN_THE_CLONE, *COMPOSED} <= named
    assert COMPOSED.keys() & identifiers() == set()


def resolve(command: click.Command, words: Iterable[str]) -> click.Command | None:
    """Return the command that words name, or None if a group has no such command."""
    for word in words:
        if not isinstance(command, click.Group):
            return command
        if (following := command.commands.get(word)) is None:
            return None
        command = following
    return command


def test_every_command_that_a_page_names_exists() -> None:
    makefile = text_of("Makefile")
    targets = set(re.findall(r"^([a-z-]+):.*##", makefile, re.MULTILINE))
    variables = set(re.findall(r"\b[A-Z_]{2,}\b", makefile))
    groups = {"commands": owners_commands, "deploy": deploy_commands, "local": local_commands}

    def wrong(each: str) -> bool:
        if made := MAKE.match(each):
            given = set(re.findall(r"([A-Z_]+)=", made[2]))
            return made[1] not in targets or not given <= variables
        if run := GREENROOM.match(each):
            return resolve(owners_commands, run[1].split()) is None
        for module, words in PYTHON.findall(each):
            path = module.replace(".", "/")
            ours = (PROJECT / path.split("/")[0]).is_dir()
            if ours and not {f"{path}.py", f"{path}/__main__.py"} & FILES:
                return True
            if module in groups and resolve(groups[module], words.split()) is None:
                return True
        return False

    assert missing(wrong) == {}


def test_the_page_of_tables_names_each_with_its_keys_and_what_its_stream_carries() -> None:
    views = {"NEW_AND_OLD_IMAGES": "old and new images", "NEW_IMAGE": "new images"}
    rows = re.findall(
        r"^\| (\w+) \| \w+ \| `(\w+)` \| (?:`(\w+)`)? ?\| ([\w ]*?) ?\|",
        text_of("docs/data.md").partition("### Items of")[0],
        re.MULTILINE,
    )
    resources = read(PROJECT / "infra" / "tables.yaml")["Resources"]
    tables = {}
    for name, resource in resources.items():
        if resource.get("Type") == "AWS::DynamoDB::Table":
            given = resource["Properties"]
            keys = {each["KeyType"]: each["AttributeName"] for each in given["KeySchema"]}
            view = given.get("StreamSpecification", {}).get("StreamViewType")
            stream = views[view] if view else ""
            tables[name.removesuffix("Table")] = (keys["HASH"], keys.get("RANGE", ""), stream)
    assert {name: tuple(rest) for name, *rest in rows} == tables


def paragraphs(text: str) -> Iterator[str]:
    """Yield the paragraphs and list items of a page, without its tables, headings and blocks."""
    for block in re.split(r"\n\s*\n", FENCE.sub("", text)):
        lines = [each for each in block.splitlines() if not re.match(r"\s*(?:\||#)", each)]
        yield from re.split(r"\n(?=\s*(?:[-*]|\d+\.) )", "\n".join(lines))


def test_no_paragraph_of_a_page_is_longer_than_90_words() -> None:
    assert [*paragraphs("a b\n- c\n  d\n1. e\n\nf")] == ["a b", "- c\n  d", "1. e", "f"]
    long = {
        page: found
        for page in PAGES
        if (found := [each for each in paragraphs(text_of(page)) if len(each.split()) > 90])
    }
    assert long == {}


def test_the_list_of_decisions_has_each_by_its_title() -> None:
    listed = dict(
        re.findall(
            r"^\| \[\d+\]\((\S+)\) \| (.+) \|$", text_of("docs/decisions/README.md"), re.MULTILINE
        )
    )
    titles = {
        Path(page).name: re.sub(r"^# \d+\. ", "", text_of(page).splitlines()[0])
        for page in PAGES
        if re.fullmatch(r"docs/decisions/\d{4}-\S+\.md", page)
    }
    assert listed == titles
