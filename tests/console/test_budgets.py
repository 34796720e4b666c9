"""What a person's browser has to fetch, measured on the built files, compressed as they are served.

The limits are the console's budgets: raise one only for something that members would miss.
"""

import gzip
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from local import console
from local.home import PROJECT

KB = 1024
FIRST_SCREEN_KB = 45.0
FIRST_SCREEN_REQUESTS = 6
FURTHER_SCREEN_KB = 12.0
MANAGERS_FIRST_SCREEN_KB = 86.0
ALL_KB = 180.0  # every screen in one language, but for what few people ever fetch
FOREIGN_SIGN_IN_KB = 8.0  # only where a company signs its people in by itself
SECOND_STEP_KB = 5.0  # only by those who set one up: nearly all of it draws a QR code
COMMANDS_KB = 9.0  # only once the command menu is opened, with what it finds for managers
VIEWS_KB = 4.0  # only where views are read: the switch in the settings, and a post's numbers
CONFLICT_KB = 2.0  # fetched once two managers change one thing at the same time
REPAIR_OFFER_KB = 10.0  # shown with a video that is refused
REPAIR_KB = 125.0  # fetched once a manager has a video repaired: nearly all of it is Mediabunny

PAGE = "index.html"
FEED = "src/activities/FeedScreen.tsx"
MANAGERS_FIRST = "src/activities/NewActivityScreen.tsx"
REPAIR_OFFER = tuple(
    f"src/videos/{name}" for name in ("repair_entry.ts", "RepairPanel.tsx", "RepairOtherWays.tsx")
)
REPAIR = "src/videos/repair.ts"
FOREIGN_SIGN_IN = "src/foundation/session/foreign.ts"
CONFLICT = "src/foundation/ui/Conflict.tsx"
SECOND_STEP = "src/foundation/session/SetupStep.tsx"
COMMANDS = tuple(
    f"src/foundation/commands/{name}" for name in ("entry.ts", "CommandMenu.tsx", "Finder.tsx")
)
VIEWS = tuple(f"src/tiktok/{name}" for name in ("views_entry.ts", "Views.tsx", "PostCounts.tsx"))
# The files that managers' screens share (SHARED in vite.config.ts), and their words.
FILES_OF_MANAGERS = (
    "manage",
    "activities",
    "form",
    "activity",
    "reports",
    "handing",
    "groups",
    "members",
    "office",
)
OF_MANAGERS = tuple(f"assets/{name}-" for name in FILES_OF_MANAGERS)
LANGUAGES = ("en", "de", "es")
BUNDLES = (
    "member",
    "further",
    "sends",
    "settings",
    "mine",
    "manager",
    "program",
    "office",
    "notices",
    "session",
    "finish",
    "repair",
    "views",
    "commands",
)


class Built:
    """The built files, and which of them need which."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        manifest = folder / ".vite" / "manifest.json"
        self.chunks: dict[str, dict[str, Any]] = json.loads(manifest.read_text(encoding="utf-8"))
        self._by_file = {chunk["file"]: chunk for chunk in self.chunks.values()}
        modules = folder / ".vite" / "modules.json"  # several screens may be in one file
        self.modules: dict[str, str] = json.loads(modules.read_text(encoding="utf-8"))
        page = (folder / PAGE).read_text(encoding="utf-8")
        self.at_once = set(re.findall(r'(?:src|href)="/(assets/[^"]+\.(?:js|css))"', page))

    def needs(self, *modules: str) -> set[str]:
        """The scripts and stylesheets of the page, these modules and what they import at once."""
        files, waiting, seen = set(self.at_once), [self.modules[each] for each in modules], set()
        while waiting:
            file = waiting.pop()
            if file not in seen:
                seen.add(file)
                chunk = self._by_file[file]
                files.update((file, *chunk.get("css", ())))
                waiting.extend(self.chunks[name]["file"] for name in chunk.get("imports", ()))
        return files

    def kilobytes(self, files: set[str]) -> float:
        sizes = (len(gzip.compress((self.folder / file).read_bytes(), 9)) for file in files)
        return round(sum(sizes) / KB, 1)

    def screens(self) -> Iterator[str]:
        for name in self.modules:
            if re.fullmatch(r"src/\w+/\w+Screen\.tsx", name):
                yield name

    def of_other_languages(self, language: str) -> set[str]:
        catalogue = re.compile(r"src/foundation/locales/\w+\.(\w\w)\.ts")
        found = ((catalogue.fullmatch(name), chunk) for name, chunk in self.chunks.items())
        return {chunk["file"] for match, chunk in found if match and match[1] != language}


def managers_screens() -> set[str]:
    routes = (PROJECT / "console" / "src" / "routes.tsx").read_text(encoding="utf-8")
    found = re.findall(r'manager\("[^"]*", \(\) => import\("\./(\w+/\w+)"\)', routes)
    return {f"src/{name}.tsx" for name in found}


def members_own_words() -> dict[str, list[str]]:
    """Return, for each of a member's further screens, the bundles of words beside `further`."""
    routes = (PROJECT / "console" / "src" / "routes.tsx").read_text(encoding="utf-8")
    found = re.findall(r'^  member\(.*import\("\./(\w+/\w+)"\)(.*)\),$', routes, re.MULTILINE)
    return {f"src/{name}.tsx": re.findall(r', "(\w+)"', rest) for name, rest in found}


@pytest.fixture(scope="module")
def built() -> Built:
    return Built(console.build(print))


def words(bundle: str, language: str) -> str:
    return f"src/foundation/locales/{bundle}.{language}.ts"


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_members_first_screen_is_small_and_takes_few_requests(
    built: Built, language: str
) -> None:
    files = built.needs(FEED, words("member", language))
    # The page itself and what the deployment says come on top of scripts and styles.
    assert len(files) + len((PAGE, "config.json")) <= FIRST_SCREEN_REQUESTS, files
    assert built.kilobytes(files) <= FIRST_SCREEN_KB


def test_each_further_screen_adds_little(built: Built) -> None:
    """To the feed for members, to the form for a new activity for managers.

    A member's screen is counted with the words that all further screens share, as it may be the
    first of them; a manager has these from the form.
    """
    of_managers, own_words = managers_screens(), members_own_words()
    added = {}
    for screen in built.screens():
        if screen in of_managers:
            files = built.needs(screen) - built.needs(FEED, MANAGERS_FIRST)
            added[screen] = built.kilobytes(files)
        elif screen != FEED:
            own = built.needs(screen) - built.needs(FEED)
            bundles = ("further", *own_words[screen])
            catalogues = (built.needs(*(words(b, each) for b in bundles)) for each in LANGUAGES)
            added[screen] = max(
                built.kilobytes((own | some) - built.needs()) for some in catalogues
            )
    assert len(added) > len(LANGUAGES)
    assert {screen: size for screen, size in added.items() if size > FURTHER_SCREEN_KB} == {}


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_managers_first_screen_keeps_to_its_budget(built: Built, language: str) -> None:
    catalogues = (words(bundle, language) for bundle in ("member", "further", "manager"))
    files = built.needs(MANAGERS_FIRST, *catalogues)
    assert built.kilobytes(files) <= MANAGERS_FIRST_SCREEN_KB


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_screen_in_one_language_keeps_to_its_budget(built: Built, language: str) -> None:
    """A person fetches the words of one language; the files of all three are some 38 KB more.

    What few people ever fetch has budgets of its own: the repair of videos, signing in where a
    company does that itself, setting up a second step, and the dialog that two managers meet in.
    So has the command menu, which is no screen and is fetched when it is first opened.
    """
    files = {chunk["file"] for chunk in built.chunks.values()}
    files.update(file for chunk in built.chunks.values() for file in chunk.get("css", ()))
    others = built.of_other_languages(language)
    assert len(others) == len(BUNDLES) * (len(LANGUAGES) - 1)
    seldom = built.needs(REPAIR, *REPAIR_OFFER, words("repair", language))
    seldom |= built.needs(FOREIGN_SIGN_IN) | built.needs(SECOND_STEP)
    seldom |= built.needs(*COMMANDS, words("commands", language))
    settings = "src/me/SettingsScreen.tsx"
    seldom |= built.needs(*VIEWS, words("views", language)) - built.needs(
        settings, "src/performances/HistoryScreen.tsx"
    )
    seldom -= built.needs(MANAGERS_FIRST)
    seldom |= built.needs(CONFLICT) - built.needs(*built.screens())
    assert built.kilobytes(files - others - seldom) <= ALL_KB


@pytest.mark.parametrize("language", LANGUAGES)
def test_files_fetched_only_for_reading_views_have_a_budget(built: Built, language: str) -> None:
    files = built.needs(*VIEWS, words("views", language))
    files -= built.needs("src/me/SettingsScreen.tsx", "src/performances/HistoryScreen.tsx")
    assert built.kilobytes(files) <= VIEWS_KB


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_command_menu_is_fetched_when_it_is_opened_and_is_light(
    built: Built, language: str
) -> None:
    own = built.needs(*COMMANDS, words("commands", language))
    assert not {built.modules[each] for each in COMMANDS} & built.needs(*built.screens())
    assert built.kilobytes(own - built.needs(MANAGERS_FIRST)) <= COMMANDS_KB


def test_a_member_who_opens_the_command_menu_fetches_nothing_that_only_managers_need(
    built: Built,
) -> None:
    needed = built.needs("src/foundation/commands/entry.ts", COMMANDS[1])
    assert not [file for file in needed if file.startswith(OF_MANAGERS)]


@pytest.mark.parametrize(
    ("module", "limit"), [("foreign.ts", FOREIGN_SIGN_IN_KB), ("SetupStep.tsx", SECOND_STEP_KB)]
)
def test_files_of_rare_sign_ins_have_budgets(built: Built, module: str, limit: float) -> None:
    known = built.needs(MANAGERS_FIRST, "src/foundation/session/SignIn.tsx")
    own = built.needs(f"src/foundation/session/{module}") - known
    assert own
    assert built.kilobytes(own) <= limit


def test_two_versions_are_fetched_only_when_two_managers_meet(built: Built) -> None:
    own = built.needs(CONFLICT) - built.needs(*built.screens())
    assert own
    assert built.kilobytes(own) <= CONFLICT_KB


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_repair_of_videos_is_fetched_only_by_those_who_take_it(
    built: Built, language: str
) -> None:
    offer = built.needs(*REPAIR_OFFER, words("repair", language)) - built.needs(MANAGERS_FIRST)
    repair = built.needs(REPAIR) - built.needs(MANAGERS_FIRST, *REPAIR_OFFER)
    assert repair
    assert not repair & built.needs(*built.screens())
    assert built.kilobytes(offer) <= REPAIR_OFFER_KB
    assert built.kilobytes(repair) <= REPAIR_KB


def test_the_licence_of_every_package_in_the_files_is_beside_them(built: Built) -> None:
    licences = (built.folder / "licenses.md").read_text(encoding="utf-8")
    packages = json.loads((PROJECT / "console" / "package.json").read_text(encoding="utf-8"))
    for name, version in packages["dependencies"].items():
        assert f"## {name} - {version} (" in licences
    assert "Mozilla Public License Version 2.0" in licences
    (mediabunny,) = built.needs(REPAIR) - built.needs(MANAGERS_FIRST, *REPAIR_OFFER)
    assert "Source: https://github.com/" in (built.folder / mediabunny).read_text(encoding="utf-8")


def test_a_members_screens_fetch_nothing_that_only_managers_need(built: Built) -> None:
    of_managers = managers_screens()
    everything = {file for module in managers_screens() for file in built.needs(module)}
    for name in OF_MANAGERS:
        assert any(file.startswith(name) for file in everything), name
    for screen in built.screens():
        if screen not in of_managers:
            needed = built.needs(screen)
            assert not [file for file in needed if file.startswith(OF_MANAGERS)], screen


def test_no_file_asks_a_stranger_for_anything(built: Built) -> None:
    """The page, its styles and its manifest name no other origin."""
    texts = [
        *built.folder.glob("*.html"),
        *built.folder.rglob("*.css"),
        *built.folder.glob("*.web*"),
    ]
    assert texts
    for file in texts:
        assert not re.search(r"(?:https?:)?//[\w.]+\.\w", file.read_text(encoding="utf-8")), file


def test_the_page_has_no_inline_script_and_no_inline_style(built: Built) -> None:
    page = (built.folder / PAGE).read_text(encoding="utf-8")
    assert not re.search(r"<script(?![^>]*\bsrc=)|<style|\sstyle=|\son\w+=", page)
