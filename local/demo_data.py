"""Fills a stack with realistic demo data over HTTP, for screenshots and demos.

All names are made up, all addresses end in `.example`; the videos are made by ffmpeg.
"""

import secrets
import shutil
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import requests

from local import seed
from local.aws import Aws
from local.demo import Browser, TikTokPages
from local.failure import Failure
from local.home import PROJECT
from local.stack import Person, RunningStack

DOMAIN = "northwind-coffee.example"
OTHER_PROGRAM = "Harbour Bakery"
PROGRAM = {"name": "Northwind Coffee", "time_zone": "Europe/Berlin", "disclosure": "#ad"}
TIMEOUT_SECONDS = 300.0
UNFINISHED_STATES = ("queued", "sending")
POLL_SECONDS = 0.3
PARALLEL_UPLOADS = 2
PEOPLE = (
    *("Mara Lindqvist", "Jonas Weber", "Aisha Okafor", "Tomás Herrera", "Lena Fischer"),
    *("Noor Haddad", "Pia Sørensen", "Luca Bianchi", "Hanna Kowalska", "Emil Novák"),
    *("Zoë Martin", "Yuki Tanaka", "David Mensah", "Clara Duarte", "Ruben de Vries"),
    *("Ines Petrović", "Samuel Adeyemi", "Frida Holm"),
)
ACTIVE = 9
"""How many of them have signed in, connected TikTok and sent a video; the rest are invited."""

CHANNELS = (("Baristas", "public"), ("Roastery", "public"), ("Store managers", "private"))
SUGGESTED = "Show what your first coffee of the day looks like"
CAMPAIGNS = ("Autumn blend", "Behind the bar", "Hiring 2027")
CLIPS = (
    ("0x3b1f0e", "0xa8622c", "0xf4b860", "0xffe8c2"),
    ("0x0b3d2e", "0x1f7a4d", "0x9fd8a4", "0xf3f7d4"),
    ("0x1b1f5e", "0x7a2a7c", "0xf2685c", "0xffc56b"),
)


@dataclass(frozen=True)
class ActivityDraft:
    """An activity of the program."""

    instructions: str
    points: int
    campaign: int | None = None
    channel: int | None = None
    featured: bool = False
    ends_in_hours: int | None = None
    starts_in_hours: int | None = None
    captions: tuple[str, ...] = ()
    cuts: int = 1


@dataclass(frozen=True)
class RewardDraft:
    """A reward of the program; without colours it has no picture."""

    title: str
    description: str
    price: int
    stock: int | None = None
    per_member: int | None = None
    colours: tuple[str, ...] = ()
    state: str = "active"


PRIZES = (
    RewardDraft(
        "Enamel mug",
        "Ours, in green, with your name on it. Pick it up at the roastery.",
        40,
        stock=25,
        colours=("0x0b3d2e", "0x1f7a4d", "0x9fd8a4", "0xf3f7d4"),
    ),
    RewardDraft(
        "A bag of autumn blend",
        "250 g, roasted the day before you get it.",
        60,
        colours=("0x3b1f0e", "0xa8622c", "0xf4b860", "0xffe8c2"),
    ),
    RewardDraft(
        "Two concert tickets", "For the house concert in March.", 90, stock=2, per_member=1
    ),
    RewardDraft(
        "Latte art course",
        "A Saturday with Mara, coffee included. We mail you the dates.",
        250,
        stock=12,
        per_member=1,
        colours=("0x1b1f5e", "0x7a2a7c", "0xf2685c", "0xffc56b"),
    ),
    RewardDraft("An afternoon off", "Agree the day with your store manager.", 2500, per_member=2),
    RewardDraft("Team dinner", "For your whole store.", 4000, state="draft"),
)

ACTIVITIES = (
    ActivityDraft("Show how we dial in the first shot of the day", 15, campaign=1),
    ActivityDraft("Share the story of our new roastery in Leipzig", 20, channel=1),
    ActivityDraft(
        "We are hiring baristas: tell your friends what a shift looks like", 25, campaign=2
    ),
    ActivityDraft("Latte art, slowly: the tulip in one take", 10, campaign=1, channel=0),
    ActivityDraft("Meet Mara, who has opened our Hamburg store every morning for six years", 10),
    ActivityDraft("The cold brew tower, from the first drop to the glass", 10, campaign=0),
    ActivityDraft(
        "Three cups that go best with the autumn blend", 10, campaign=0, starts_in_hours=40
    ),
    ActivityDraft("Store managers: what a good Monday looks like", 5, channel=2),
    ActivityDraft("Ten seconds of crema", 5, campaign=1, ends_in_hours=30, cuts=3),
    ActivityDraft("How we taste: a cupping table in a minute", 15, channel=1),
    ActivityDraft(
        "Our autumn blend is back. Show it the way you drink it",
        20,
        campaign=0,
        ends_in_hours=3,
        captions=("Back for autumn. Which cup is yours?", "The one we wait for all year."),
    ),
    ActivityDraft(
        "Share this video on TikTok: the story behind the autumn blend",
        30,
        campaign=0,
        featured=True,
        captions=("Where our autumn blend comes from.",),
        cuts=2,
    ),
)


WEBHOOKS: tuple[dict[str, Any], ...] = (
    {
        "name": "Store channel",
        "url": f"https://chat.{DOMAIN}/hooks/stores",
        "format": "slack",
        "types": ["reward.withdrawn"],
    },
    {
        "name": "Payroll",
        "url": f"https://payroll.{DOMAIN}/greenroom",
        "format": "json",
        "types": ["points.adjusted"],
    },
)
"""Nothing answers at their addresses: the second one shows what fails."""

REPORTED = 8
"""Which of them many members send."""

REFUSED = {"endpoint": "init", "kind": "status", "status": 403, "times": 1}
REFUSED_CODE = "spam_risk_user_banned_from_posting"
"""What TikTok answers to two of the sends, one of them of the first member's."""


@dataclass(frozen=True)
class DemoData:
    """The program that was made: who to look at it as, and ids for addresses that name one."""

    manager: Person
    member: Person
    newcomer: Person
    activity_id: str
    channel_id: str
    campaign_id: str
    reported_id: str
    reward_id: str
    video: Path


def make(stack: RunningStack, folder: Path) -> DemoData:
    """Make the program in a running stack; `folder` is where the videos are made."""
    manager = _sign_in(stack, stack.first("manager"))
    _require_success(manager, "PATCH", "/program", PROGRAM)
    _require_success(manager, "PATCH", "/me", {"name": "Annika Brandt"})
    clips = _clips(folder)
    uploads = [_upload(manager, clip) for clip in clips]
    channels = [
        manager.post("/channels", {"name": name, "kind": kind})["channel_id"]
        for name, kind in CHANNELS
    ]
    campaigns = [manager.post("/campaigns", {"name": name})["campaign_id"] for name in CAMPAIGNS]
    manager.post("/drafts", {"instructions": SUGGESTED, "points": 25, "hashtags": ["ourteam"]})
    people = _invite(stack, manager)
    members = [member_id for _, member_id in people]
    for number, channel in enumerate(channels):
        put = {"member_ids": members[number :: len(channels)]}
        manager.ask("POST", f"/channels/{channel}/members", put)
    activities = [
        _publish(manager, wanted, uploads[start:] + uploads[:start], channels, campaigns)
        for number, wanted in enumerate(ACTIVITIES)
        for start in (number % len(uploads),)
    ]
    with ThreadPoolExecutor(PARALLEL_UPLOADS) as threads:
        signed_in = list(threads.map(lambda each: _sign_in(stack, each[0]), people[:ACTIVE]))
        # The first one has something of everything in their history; alone, so that it stays so.
        _fail_one_staging(stack)
        _perform_as_member(stack, 0, signed_in[0])
        _fail_one_staging(stack)
        others = list(enumerate(signed_in))[1:]
        list(threads.map(lambda pair: _perform_as_member(stack, *pair), others))
    for webhook in WEBHOOKS:
        manager.post("/webhooks", webhook)
    rewards = [_create_reward(manager, prize, folder) for prize in PRIZES]
    _redeem(manager, signed_in, members, rewards)
    return DemoData(
        manager=stack.first("manager"),
        member=people[0][0],
        newcomer=_invite_to_other_program(stack, manager),
        activity_id=activities[-1],
        channel_id=channels[0],
        campaign_id=campaigns[0],
        reported_id=activities[REPORTED],
        reward_id=rewards[0],
        video=clips[0],
    )


def _sign_in(stack: RunningStack, person: Person) -> Browser:
    browser = Browser(stack, person)
    browser.get("/me")  # which binds an invitation
    return browser


def _require_success(browser: Browser, method: str, path: str, body: dict[str, Any]) -> None:
    answer = browser.ask(method, path, body)
    if not answer.ok:
        raise Failure(f"{method} {path}: {answer.status_code} {answer.text[:200]}", "See the logs.")


def _clips(folder: Path) -> list[Path]:
    """Make the videos: slow gradients in upright pictures, a few seconds each."""
    ffmpeg = shutil.which("ffmpeg")
    if ffmpeg is None:
        raise Failure("There is no ffmpeg here to make videos with.", "Install it: ffmpeg.")
    folder.mkdir(parents=True, exist_ok=True)
    made = []
    for number, colours in enumerate(CLIPS):
        file = folder / f"clip-{number}.mp4"
        picture = _gradient(6, colours, number + 3, "720x1280")
        encoded = ["-c:v", "libx264", "-preset", "veryfast", "-crf", "30", "-pix_fmt", "yuv420p"]
        command = [ffmpeg, "-v", "error", "-y", "-f", "lavfi", "-i", picture, *encoded]
        subprocess.run([*command, "-movflags", "+faststart", str(file)], check=True, timeout=120)
        made.append(file)
    return made


def _gradient(seconds: int, colours: tuple[str, ...], seed: int, size: str) -> str:
    named = ":".join(f"c{index}={colour}" for index, colour in enumerate(colours))
    return f"gradients=s={size}:r=30:d={seconds}:n=4:seed={seed}:speed=0.01:{named}"


def _create_reward(manager: Browser, prize: RewardDraft, folder: Path) -> str:
    """Make a reward, and its picture."""
    body: dict[str, Any] = {
        "title": prize.title,
        "description": prize.description,
        "price": prize.price,
        "stock": prize.stock,
        "per_member": prize.per_member,
        "state": prize.state,
    }
    if prize.colours:
        file = folder / f"reward-{prize.price}.jpg"
        source = _gradient(1, prize.colours, prize.price, "960x600")
        ran = ["ffmpeg", "-v", "error", "-y", "-f", "lavfi", "-i", source, "-frames:v", "1"]
        subprocess.run([*ran, str(file)], check=True, timeout=60)
        asked = manager.post("/rewards/pictures", {"content_type": "image/jpeg"})
        fields = [(name, (None, value)) for name, value in asked["form"]["fields"].items()]
        with file.open("rb") as picture:
            sent = requests.post(
                asked["form"]["url"], files=[*fields, ("file", (file.name, picture))], timeout=60
            )
        sent.raise_for_status()
        body["picture_id"] = asked["picture_id"]
    return str(manager.post("/rewards", body)["reward_id"])


def _redeem(
    manager: Browser, people: list[Browser], member_ids: list[str], rewards: list[str]
) -> None:
    """Adjust points by hand, and leave requests waiting, fulfilled and rejected."""
    mug, blend, tickets = rewards[:3]
    for number, (person, member_id) in enumerate(zip(people, member_ids, strict=False)):
        given = {"amount": 220, "reason": "Spoke about us at the coffee fair"}
        _require_success(manager, "POST", f"/members/{member_id}/points", given)
        wishes = [(mug, 40), (blend, 60), (tickets, 90)]
        for reward, price in wishes[: 3 if number in (0, 1) else 1 + number % 2]:
            person.ask("POST", f"/rewards/{reward}/redeem", {"price": price})
    waiting = manager.get("/redemptions/queue")["items"]
    decided: tuple[tuple[str, dict[str, Any]], ...] = (
        ("fulfil", {"code": "BLEND-7Q4K-2026", "note": "Show it at any of our stores."}),
        ("fulfil", {"note": "It waits for you at the roastery, ask for Jonas."}),
        ("reject", {"reason": "The concert was moved to April; ask again then."}),
    )
    by_first = [each for each in waiting if each["member_id"] == member_ids[0]]
    for redemption, (how, body) in zip(by_first, decided, strict=False):
        _require_success(manager, "POST", f"/redemptions/{redemption['redemption_id']}/{how}", body)


def _upload(manager: Browser, clip: Path) -> str:
    upload = manager.post("/uploads", {"content_type": "video/mp4"})
    fields = [(name, (None, value)) for name, value in upload["form"]["fields"].items()]
    with clip.open("rb") as video:
        sent = requests.post(
            upload["form"]["url"], files=[*fields, ("file", (clip.name, video))], timeout=60
        )
    sent.raise_for_status()
    upload_id = str(upload["upload_id"])
    _wait_until(
        lambda: manager.get(f"/uploads/{upload_id}")["status"] == "valid", "The video's verdict"
    )
    return upload_id


def _invite(stack: RunningStack, manager: Browser) -> list[tuple[Person, str]]:
    """Invite everybody and let them sign in with a password, as if they had read their mail."""
    people = []
    for name in PEOPLE:
        first = name.split()[0].encode("ascii", "ignore").decode().lower()
        email = f"{first}.{secrets.token_hex(2)}@{DOMAIN}"
        member = manager.post("/members", {"email": email, "name": name})
        people.append((_set_password(stack, email), str(member["member_id"])))
    return people


def _set_password(stack: RunningStack, email: str) -> Person:
    cognito = _aws(stack).cognito
    pool, password = stack.identity["user_pool_id"], f"Gr-{secrets.token_hex(12)}7"
    cognito.admin_create_user(
        UserPoolId=pool,
        Username=email,
        UserAttributes=[
            {"Name": "email", "Value": email},
            {"Name": "email_verified", "Value": "true"},
        ],
        MessageAction="SUPPRESS",
    )
    cognito.admin_set_user_password(
        UserPoolId=pool, Username=email, Password=password, Permanent=True
    )
    return Person(email, password, "member", None)


def _invite_to_other_program(stack: RunningStack, manager: Browser) -> Person:
    """Invite somebody to this program and to another one, between which they have to choose."""
    email = f"vera.{secrets.token_hex(2)}@{DOMAIN}"
    manager.post("/members", {"email": email, "name": "Vera Lund"})
    seed.new_program(
        _aws(stack), PROJECT, OTHER_PROGRAM, f"{secrets.token_hex(4)}@{DOMAIN}", [email]
    )
    return _set_password(stack, email)


def _aws(stack: RunningStack) -> Aws:
    return Aws(str(stack.content["aws"]["endpoint_url"]))


def _publish(
    manager: Browser,
    wanted: ActivityDraft,
    uploads: list[str],
    channels: list[str],
    campaigns: list[str],
) -> str:
    now = datetime.now(UTC).replace(microsecond=0, second=0)
    body: dict[str, Any] = {
        "upload_id": uploads[0],
        "further_upload_ids": uploads[1 : wanted.cuts],
        "instructions": wanted.instructions,
        "points": wanted.points,
        "featured": wanted.featured,
        "captions": list(wanted.captions),
        "hashtags": ["#northwind", "#coffee"],
    }
    if wanted.campaign is not None:
        body["campaign_id"] = campaigns[wanted.campaign]
    if wanted.channel is not None:
        body["channel_ids"] = [channels[wanted.channel]]
    if wanted.starts_in_hours:
        body["starts_at"] = (now + timedelta(hours=wanted.starts_in_hours)).isoformat()
    if wanted.ends_in_hours:
        body["ends_at"] = (now + timedelta(hours=wanted.ends_in_hours)).isoformat()
    return str(manager.post("/activities", body)["activity_id"])


def _perform_as_member(stack: RunningStack, number: int, member: Browser) -> None:
    """Connect TikTok and send some of what is in the feed; some of it is posted in the end."""
    tiktok = TikTokPages(stack.tiktok_url, member.person.email.split("@")[0])
    tiktok.consent(member.session, str(member.post("/tiktok/connect", {})["authorize_url"]))
    feed = member.get("/feed")["items"]
    seen = [each["activity_id"] for each in feed[: 9 - number % 5]]
    member.ask("POST", "/feed/seen", {"activity_ids": seen})
    if (number + 1) % 3 == 0:
        member.ask("POST", f"/activities/{seen[0]}/dismiss", {})
    for each in feed[2 : 2 + 4 - number % 4]:
        ticked = {"acknowledged_disclosure": each["disclosure_steps"]["version"]}
        member.ask("POST", f"/activities/{each['activity_id']}/perform", ticked)

    def own() -> list[dict[str, Any]]:
        return list(member.get("/performances")["items"])

    _wait_until(
        lambda: all(each["status"] not in UNFINISHED_STATES for each in own()), "A member's videos"
    )
    staged = sorted(str(each["publish_id"]) for each in own() if each["status"] == "staged")
    for publish_id in staged[1:]:
        tiktok.post(publish_id)


def _fail_one_staging(stack: RunningStack) -> None:
    """Let TikTok refuse the next send."""
    rules = {"rules": [{**REFUSED, "error_code": REFUSED_CODE}]}
    requests.post(f"{stack.tiktok_url}/_sandbox/faults", json=rules, timeout=60).raise_for_status()


def _wait_until(happened: Any, what: str) -> None:
    deadline = time.monotonic() + TIMEOUT_SECONDS
    while not happened():
        if time.monotonic() > deadline:
            raise Failure(f"{what} did not come.", "The stack's logs say more.")
        time.sleep(POLL_SECONDS)
