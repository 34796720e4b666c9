"""What managers do in a browser, and the files they choose."""

from collections.abc import Sequence
from pathlib import Path

from playwright.sync_api import Page, expect

from tests.console.members import People, Visit

NEW = "/manage/activities/new"
READY_MS = 90_000
PATIENCE_MS = 30_000
expect.set_options(timeout=PATIENCE_MS)

_DROP = """([input, type, on]) => {
  const transfer = new DataTransfer();
  for (const file of input.files) transfer.items.add(file);
  const target = document.querySelector(on);
  for (const name of ["dragenter", "dragover", type]) {
    const event = new DragEvent(name, { bubbles: true, cancelable: true, dataTransfer: transfer });
    target.dispatchEvent(event);
  }
}"""


def manage(people: People, visit: Visit, path: str = "/manage") -> Page:
    """A tab of the program's manager, signed in, at a path."""
    page = people.managing().signed_in(visit, path)
    expect(page.get_by_role("main").get_by_role("heading", level=1)).to_be_visible()
    # Once it is known who this is, the command menu can be opened.
    expect(page.get_by_role("button", name="Find anything")).to_be_visible()
    return page


def drop(page: Page, file: Path, event: str = "drop", on: str = "main h1") -> None:
    """Drop a file of the disk on the page's heading or what else `on` selects."""
    page.evaluate(
        "() => { const input = document.createElement('input'); input.type = 'file';"
        " input.id = 'dropped'; document.body.append(input); }"
    )
    page.set_input_files("#dropped", file)
    handle = page.evaluate_handle("document.querySelector('#dropped')")
    page.evaluate(_DROP, [handle, event, on])
    page.evaluate("document.querySelector('#dropped').remove()")


def add_video(page: Page, file: Path) -> None:
    """Choose a file in the dialog that "Add your video" opens."""
    expect(page.get_by_role("button", name="Add your video")).to_be_visible()
    page.locator("main input[type=file]").first.set_input_files(file)


def is_ready(page: Page) -> None:
    expect(page.get_by_role("main").get_by_text("This video is ready")).to_be_visible(
        timeout=READY_MS
    )


def padded(video: Path, to_bytes: int, folder: Path) -> Path:
    """The same video with free room behind it, which players pass over, of this many bytes."""
    content = video.read_bytes()
    room = to_bytes - len(content)
    whole = folder / "large.mp4"
    whole.write_bytes(content + room.to_bytes(4, "big") + b"free" + bytes(room - 8))
    return whole


def menu(page: Page, of: str, item: str) -> None:
    page.get_by_role("button", name=f"Actions: {of}").first.click()
    page.get_by_role("menuitem", name=item, exact=True).click()


def rows(page: Page) -> Sequence[str]:
    return page.get_by_role("table").locator("tbody tr").all_inner_texts()
