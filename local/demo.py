"""The main user journey over HTTP: from a manager's file to the posted video.

No code of the product is used here, only its HTTP contract.
"""

import base64
import hashlib
import json
import secrets
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urljoin, urlsplit

import requests

from local import stack as stacks
from local.failure import Failure
from local.home import PROJECT, Home, is_held
from local.identity import sign_in
from local.stack import Person, RunningStack

DEMO_CLIP = PROJECT / "tests" / "clips" / "demo.mp4"
POINTS = 10
INSTRUCTIONS = "Share this video on TikTok"

DONE, UNEXPECTED, REFUSED = 0, 1, 3

ANSWER_SECONDS = 90.0
SEND_SECONDS = 300.0
VALIDATION_SECONDS = 180.0
FEED_SECONDS = 60.0
STAGING_SECONDS = 180.0
POSTED_SECONDS = 90.0
POLL_SECONDS = 0.25
REDIRECTS = 10
BLOCK_BYTES = 1 << 20

# What S3 itself refuses by the form's size range, in the words validation has for the same.
S3_REFUSALS = {
    "EntityTooLarge": ("file_too_large", "The file is larger than an upload may be."),
    "EntityTooSmall": ("empty_file", "The file is empty."),
}


@dataclass
class Result:
    """The result, printed as the last line. None means: does not apply, or not yet."""

    upload_status: str | None = None
    problems: list[str] = field(default_factory=list)
    activity_status: str | None = None
    performance_status: str | None = None
    publish_id: str | None = None
    points_awarded: int | None = None
    balance: int | None = None
    sent_bytes: int | None = None
    sent_sha256: str | None = None
    received_bytes: int | None = None
    received_sha256: str | None = None
    seconds: dict[str, float] = field(default_factory=dict)


class RefusedVideo(Exception):
    """The video broke rules; the result names them."""


class Browser:
    """One person at the API, with cookies and time limits."""

    def __init__(self, stack: RunningStack, person: Person) -> None:
        self.person = person
        self.session = requests.Session()
        self.session.trust_env = False
        self._base = stack.api_url
        self._token = sign_in(stack.api_url, person.email, person.password)

    def get(self, path: str) -> dict[str, Any]:
        return self._wanted(self.ask("GET", path), f"GET {path}")

    def post(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        return self._wanted(self.ask("POST", path, body), f"POST {path}")

    def ask(self, method: str, path: str, body: dict[str, Any] | None = None) -> requests.Response:
        headers = {"Authorization": f"Bearer {self._token}"}
        if method == "POST":
            headers["Idempotency-Key"] = secrets.token_hex(16)
        return self.session.request(
            method,
            self._base + path,
            json=body,
            headers=headers,
            timeout=ANSWER_SECONDS,
            allow_redirects=False,
        )

    @staticmethod
    def _wanted(answer: requests.Response, what: str) -> dict[str, Any]:
        content = content_of(answer)
        if answer.ok and content is not None:
            return content
        problem = content or {}
        words = problem.get("detail") or problem.get("title") or answer.text[:300]
        raise Failure(
            f"{what} answered {answer.status_code} {problem.get('code', '')}: {words}",
            "The logs named by make run say more.",
        )


def content_of(answer: requests.Response) -> dict[str, Any] | None:
    try:
        content = answer.json()
    except ValueError:
        return None
    return content if isinstance(content, dict) else None


class Form:
    """A multipart body that reads and hashes the file while it is sent."""

    def __init__(self, fields: dict[str, str], video: Path, content_type: str) -> None:
        self.boundary = secrets.token_hex(16)
        parts = [
            f'--{self.boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
            for name, value in fields.items()
        ]
        # The name on the disk may hold what a header must not; S3 does not need it.
        file = (
            f'--{self.boundary}\r\nContent-Disposition: form-data; name="file"; filename="video"'
            f"\r\nContent-Type: {content_type}\r\n\r\n"
        )
        self._before = ("".join(parts) + file).encode()
        self._after = f"\r\n--{self.boundary}--\r\n".encode()
        self._video = video
        self._size = video.stat().st_size
        self._blocks = self._read()
        self._rest = b""

    def __len__(self) -> int:
        return len(self._before) + self._size + len(self._after)

    def read(self, size: int = -1) -> bytes:
        while size < 0 or len(self._rest) < size:
            block = next(self._blocks, None)
            if block is None:
                break
            self._rest += block
        size = len(self._rest) if size < 0 else size
        wanted, self._rest = self._rest[:size], self._rest[size:]
        return wanted

    def _read(self) -> Iterator[bytes]:
        yield self._before
        with self._video.open("rb") as stream:
            while block := stream.read(BLOCK_BYTES):
                yield block
        yield self._after


class Demo:
    """Runs the demo's steps. Each step adds to `result`, which shows how far the demo came."""

    def __init__(self, video: Path, result: Result) -> None:
        self._video = video
        self.result = result

    def manager_publishes(self, manager: Browser) -> str:
        """Upload the file and create an active activity; return its id."""
        content_type = guess_content_type(self._video)
        with self._step("ask_for_upload", f"{manager.person.email} asks for an upload"):
            upload = manager.post("/uploads", {"content_type": content_type})
        self.result.upload_status = "awaiting_file"
        with self._step("send_file", f"sends {self._video.name} ({content_type}) to the form"):
            self._send(upload["form"], content_type)
        with self._step("validate", "waits for the validation"):
            self._wait_for_validation(manager, upload["upload_id"])
        with self._step("create_activity", "creates the activity"):
            activity = manager.post(
                "/activities",
                {
                    "instructions": INSTRUCTIONS,
                    "upload_id": upload["upload_id"],
                    "points": POINTS,
                },
            )
            activity_id = str(activity["activity_id"])
            activity = wait_for(
                lambda: manager.get(f"/activities/{activity_id}"),
                lambda seen: seen["status"] != "processing",
                VALIDATION_SECONDS,
                "The activity stays processing.",
            )
        self.result.activity_status = activity["status"]
        return activity_id

    def member_finds(self, member: Browser, activity_id: str) -> None:
        """Find the activity in the feed, on whichever page."""

        def item() -> dict[str, Any]:
            path = "/feed"
            while True:
                page = member.get(path)
                for entry in page["items"]:
                    if entry["activity_id"] == activity_id:
                        return dict(entry)
                if not page.get("next_cursor"):
                    return {}
                path = f"/feed?cursor={page['next_cursor']}"

        with self._step("find_in_feed", f"{member.person.email} looks into the feed"):
            found = wait_for(item, bool, FEED_SECONDS, "The activity does not come into the feed.")
        say(f'found: "{found["instructions"]}", {found["points"]} points')

    def member_performs(self, member: Browser, tiktok: "TikTokPages", activity_id: str) -> None:
        """Send the video, and finish the post in TikTok."""
        before = tiktok.publish_ids()
        with self._step("perform", "presses Send to TikTok"):
            performance = self._perform(member, tiktok, activity_id)
        performance_id = performance["performance_id"]
        path = f"/performances/{performance_id}"
        self.result.points_awarded = performance.get("points_awarded")
        self.result.performance_status = performance.get("status")
        with self._step("stage", "waits until the video is in the TikTok inbox"):
            performance = wait_for(
                lambda: member.get(path),
                lambda seen: seen["status"] in {"staged", "posted", "failed"},
                STAGING_SECONDS,
                "The video does not arrive in the TikTok inbox.",
            )
        self._take(performance)
        if self.result.points_awarded is None:
            self.result.points_awarded = performance.get("points")
        self.result.balance = balance_in(member.get("/me"))
        if performance["status"] == "failed":
            raise Failure(
                f"TikTok did not take the video: {performance.get('reason') or performance}",
                "The logs named by make run say more.",
            )
        self._received(tiktok, before)
        if self.result.publish_id and tiktok.post(self.result.publish_id):
            with self._step("post", "finishes the post in TikTok, waits until it is known"):
                self._take(
                    wait_for(
                        lambda: member.get(path),
                        lambda seen: seen["status"] == "posted",
                        POSTED_SECONDS,
                        "The finished post does not become known.",
                    )
                )

    def _perform(self, member: Browser, tiktok: "TikTokPages", activity_id: str) -> dict[str, Any]:
        steps = member.get(f"/feed/{activity_id}")["disclosure_steps"]
        ticked = {"acknowledged_disclosure": steps["version"]}
        answer = member.ask("POST", f"/activities/{activity_id}/perform", ticked)
        content = content_of(answer) or {}
        if answer.ok:
            return content
        code = content.get("code")
        if code != "tiktok_account_required":
            raise Failure(
                f"Sending was refused: {answer.status_code} {code}: {content.get('detail')}",
                "The logs named by make run say more.",
            )
        say("has no TikTok account yet: consents on TikTok's page")
        tiktok.consent(member.session, str(content["authorize_url"]))
        # The send happens by itself once the account is there.
        return wait_for(
            lambda: performance_of(member, activity_id),
            bool,
            STAGING_SECONDS,
            "The send does not happen after the account was added.",
        )

    def _take(self, performance: dict[str, Any]) -> None:
        self.result.performance_status = performance["status"]
        self.result.publish_id = performance.get("publish_id") or self.result.publish_id

    def _received(self, tiktok: "TikTokPages", before: set[str]) -> None:
        new = sorted(tiktok.publish_ids() - before)
        if not self.result.publish_id and len(new) == 1:
            self.result.publish_id = new[0]
        share = tiktok.share(self.result.publish_id or "")
        self.result.received_bytes = share.get("size")
        self.result.received_sha256 = share.get("sha256")

    def _send(self, form: dict[str, Any], content_type: str) -> None:
        body = Form(form["fields"], self._video, content_type)
        self.result.sent_bytes = self._video.stat().st_size
        with self._video.open("rb") as stream:
            self.result.sent_sha256 = hashlib.file_digest(stream, "sha256").hexdigest()
        try:
            answer = requests.post(
                form["url"],
                data=body,
                headers={"Content-Type": f"multipart/form-data; boundary={body.boundary}"},
                timeout=SEND_SECONDS,
            )
        except requests.ConnectionError:
            # S3 may hang up on what is too long before all of it was sent.
            if self.result.sent_bytes > largest(form["fields"]):
                self._refuse("EntityTooLarge")
            raise
        if not answer.ok:
            error = answer.text
            for refusal in S3_REFUSALS:
                if f"<Code>{refusal}</Code>" in error:
                    self._refuse(refusal)
            raise Failure(
                f"The form refused the file: {answer.status_code} {error[:300]}",
                "Run it again; the logs named by make run say more.",
            )

    def _refuse(self, s3_code: str) -> None:
        code, words = S3_REFUSALS[s3_code]
        self.result.upload_status = "rejected"
        self.result.problems = [code]
        say(f"refused by the form: {words} ({code})")
        raise RefusedVideo

    def _wait_for_validation(self, manager: Browser, upload_id: str) -> None:
        upload = wait_for(
            lambda: manager.get(f"/uploads/{upload_id}"),
            lambda seen: seen["status"] in {"valid", "rejected", "expired"},
            VALIDATION_SECONDS,
            "The upload is not validated.",
        )
        self.result.upload_status = upload["status"]
        self.result.problems = [problem["code"] for problem in upload["problems"]]
        if upload["status"] == "valid":
            return
        if upload["status"] == "expired":
            raise Failure("The upload expired before it was validated.", "Run it again.")
        for problem in upload["problems"]:
            say(f"refused: {problem['message']} ({problem['code']})")
        raise RefusedVideo

    @contextmanager
    def _step(self, name: str, words: str) -> Iterator[None]:
        print(f"- {words} ...", flush=True)
        started = time.monotonic()
        try:
            yield
        finally:
            self.result.seconds[name] = round(time.monotonic() - started, 3)


class TikTokPages:
    """Acts as a person at TikTok, and reads the sandbox's record. Another TikTok offers less."""

    def __init__(self, url: str | None, person: str) -> None:
        self._url = url
        self._person = person

    def consent(self, session: requests.Session, authorize_url: str) -> None:
        """Approve on the consent page; a redirect straight back counts as consent."""
        answer = session.get(authorize_url, timeout=ANSWER_SECONDS, allow_redirects=False)
        if answer.ok and not answer.is_redirect:
            scopes = parse_qs(urlsplit(authorize_url).query).get("scope", [""])[0]
            answer = session.post(
                authorize_url,
                data={"new_person": self._person, "scopes": scopes, "decision": "authorize"},
                timeout=ANSWER_SECONDS,
                allow_redirects=False,
            )
        at = authorize_url
        for _ in range(REDIRECTS):
            if not answer.is_redirect:
                break
            at = urljoin(at, answer.headers["Location"])
            answer = session.get(at, timeout=ANSWER_SECONDS, allow_redirects=False)
        if not answer.ok:
            raise Failure(
                f"Coming back from TikTok ended with {answer.status_code}: {answer.text[:300]}",
                "The logs named by make run say more.",
            )

    def publish_ids(self) -> set[str]:
        return set(self._record().get("shares", {}))

    def share(self, publish_id: str) -> dict[str, Any]:
        return dict(self._record().get("shares", {}).get(publish_id, {}))

    def post(self, publish_id: str) -> bool:
        """Press Post in the inbox where the video waits; False where that cannot be done."""
        person = self.share(publish_id).get("person")
        if not person:
            return False
        answer = requests.post(
            f"{self._url}/inbox/{person}/{publish_id}/post",
            timeout=ANSWER_SECONDS,
            allow_redirects=False,
        )
        return answer.ok

    def _record(self) -> dict[str, Any]:
        if not self._url:
            return {}
        try:
            answer = requests.get(f"{self._url}/_sandbox/record", timeout=ANSWER_SECONDS)
        except requests.RequestException:
            return {}
        return (content_of(answer) or {}) if answer.ok else {}


def demo(home: Home, video: Path | None, *, leave: bool) -> int:
    """Run the demo, print the result as the last line and return the exit code."""
    result = Result()
    code = UNEXPECTED
    try:
        with _exit_on_sigterm(), _running_stack(home, leave=leave) as stack:
            code = run_steps(stack, video or DEMO_CLIP, result)
    except Failure as failure:
        code = UNEXPECTED
        say(f"{failure.what}\n  {failure.next_step}")
    except requests.RequestException as error:
        code = UNEXPECTED
        say(f"No proper answer ({type(error).__name__}): the logs named by make run say more.")
    except KeyboardInterrupt:
        code = UNEXPECTED
        say("Stopped.")
    print(json.dumps(asdict(result)), flush=True)
    return code


def run_steps(stack: RunningStack, video: Path, result: Result) -> int:
    if not video.is_file():
        raise Failure(f"There is no file {video}.", "Give one: make demo VIDEO=path/to/file.")
    steps = Demo(video, result)
    started = time.monotonic()
    manager = Browser(stack, stack.first("manager"))
    member = Browser(stack, stack.first("member"))
    result.seconds["sign_in"] = round(time.monotonic() - started, 3)
    try:
        activity_id = steps.manager_publishes(manager)
    except RefusedVideo:
        return REFUSED
    steps.member_finds(member, activity_id)
    name = member.person.email.split("@", maxsplit=1)[0]
    steps.member_performs(member, TikTokPages(stack.tiktok_url, name), activity_id)
    return DONE


def guess_content_type(video: Path) -> str:
    """Return the content type to ask a form for; validation looks at the content anyway."""
    with video.open("rb") as stream:
        head = stream.read(12)
    return "video/webm" if head.startswith(b"\x1a\x45\xdf\xa3") else "video/mp4"


def largest(fields: dict[str, str]) -> int:
    """Return the most bytes that a form takes, from its policy."""
    policy = json.loads(base64.b64decode(fields["policy"]))
    for condition in policy["conditions"]:
        if isinstance(condition, list) and condition[0] == "content-length-range":
            return int(condition[2])
    return 0


def performance_of(member: Browser, activity_id: str) -> dict[str, Any]:
    for performance in member.get("/performances")["items"]:
        if performance.get("activity_id") == activity_id:
            return dict(performance)
    return {}


def balance_in(me: dict[str, Any]) -> int | None:
    points = me.get("points")
    balance = points.get("balance") if isinstance(points, dict) else me.get("balance")
    return balance if isinstance(balance, int) else None


def wait_for[T](
    poll: Callable[[], T], is_done: Callable[[T], bool], patience_seconds: float, words: str
) -> T:
    deadline = time.monotonic() + patience_seconds
    while True:
        seen = poll()
        if is_done(seen):
            return seen
        if time.monotonic() > deadline:
            raise Failure(
                f"{words} Given up after {patience_seconds:.0f} s.",
                "The logs named by make run say more.",
            )
        time.sleep(POLL_SECONDS)


def say(words: str) -> None:
    print(f"  {words}", flush=True)


@contextmanager
def _running_stack(home: Home, *, leave: bool) -> Iterator[RunningStack]:
    """Return the running stack, or start one and stop it afterwards unless it is to stay."""
    if is_held(home):
        running = stacks.find(home)
        yield running or stacks.wait_until_ready(home)
        return
    print("No stack is running: bringing one up.", flush=True)
    supervisor = stacks.start_in_background(home)
    left = False
    try:
        yield stacks.wait_until_ready(home, supervisor, show=True)
        left = leave
    finally:
        if left:
            print("The stack stays up; make stop ends it.", flush=True)
        else:
            print("Stopping the stack ...", flush=True)
            supervisor.stop()


@contextmanager
def _exit_on_sigterm() -> Iterator[None]:
    """Handle SIGTERM like Ctrl-C, so that what was started is stopped."""

    def end(_number: int, _frame: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
