"""What TikTok's app review asks for: pages, a reviewer's account with something to try, words."""

import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any

import requests

from commands.token import NotSignedIn, sign_in
from local.failure import Failure
from local.home import PROJECT

CLIP = PROJECT / "tests" / "clips" / "demo.mp4"
PROGRAM = "TikTok app review"
INSTRUCTIONS = "Press Send to TikTok, then finish the post in the TikTok app"
TERMS, PRIVACY = "terms.html", "privacy.html"
TIMEOUT_SECONDS = 30
VERDICT_SECONDS = 180.0
POLL_SECONDS = 2.0
SCOPES: Mapping[str, str] = {
    "user.info.basic": "A member connects their own TikTok account by TikTok's consent page. We "
    "read open_id, display name and avatar to show them which account is connected, and to keep "
    "one account from being used by two members.",
    "video.upload": "A member chooses one of the videos that their company offers and presses "
    "Send to TikTok. We upload that one video as a draft into that member's TikTok inbox. The "
    "member edits and posts it in the TikTok app, or does not. We never post for anybody, and "
    "nothing is sent without that press.",
}


@dataclass(frozen=True)
class Review:
    """The stage's table `[review]`: how the app is called, and who answers for it."""

    app_name: str
    company: str
    address: str
    contact: str
    law: str
    reviewer: str


def pages(review: Review) -> dict[str, str]:
    """Return the terms and the privacy page, white-labelled: a beginning for your counsel."""
    told = {name: escape(value) for name, value in vars(review).items()}
    app, company, contact = told["app_name"], told["company"], told["contact"]
    mail = f'<a href="mailto:{contact}">{contact}</a>'
    terms = [
        ("Who may use it", f"{app} is run by {company} for people whom {company} has invited."),
        (
            "What it does",
            f"{company} offers videos. You choose which of them to send to your own TikTok inbox, "
            "and you alone decide in the TikTok app whether to post it. Nothing is posted for you.",
        ),
        (
            "Your TikTok account",
            "You connect it by TikTok's own consent page and can disconnect it at any time in the "
            "settings here, or in TikTok's. TikTok's terms and rules apply to what you post, its "
            "rules on disclosing commercial content among them.",
        ),
        (
            "The videos",
            f"You may post a video from {app} on your TikTok account for as long as it is offered "
            f"there. All other rights stay with {company}.",
        ),
        (
            "Points and rewards",
            f"Points have no value in money. {company} may change or end rewards for the future.",
        ),
        ("Ending it", f"You can leave at any time. {company} may end your access."),
        ("Law", f"The law of {told['law']} applies, as far as yours does not protect you better."),
    ]
    privacy = [
        ("Who answers for it", f"{company}, {told['address']}. Write to {mail}."),
        (
            "What is kept of you",
            "Your e-mail address and name, your time zone, which videos you sent and when, whether "
            "TikTok says that you posted them, your points and rewards, and what you did here.",
        ),
        (
            "What is kept of your TikTok account",
            "If you connect one: its open_id, display name and picture, and the tokens by which "
            "TikTok lets us put a video into your inbox, encrypted. We read nothing else of it. "
            "Once you disconnect, the tokens are revoked and deleted.",
        ),
        (
            "Whom it is given to",
            "TikTok receives the video that you send. Amazon Web Services stores the data for us. "
            "Nobody else receives it, and it is not sold.",
        ),
        (
            "How long",
            "Until you leave and ask for erasure, or the program ends. You can have a copy of it, "
            "and have it erased, under Privacy in the settings, or by writing to us.",
        ),
        (
            "Your rights",
            "You can ask what is kept of you, and have it corrected, handed over or erased, and "
            "complain to your supervisory authority.",
        ),
    ]
    return {
        TERMS: _page(f"Terms of {app}", terms),
        PRIVACY: _page(f"Privacy at {app}", privacy),
    }


def _page(title: str, sections: list[tuple[str, str]]) -> str:
    body = "\n".join(f"<h2>{name}</h2>\n<p>{words}</p>" for name, words in sections)
    return (
        '<!doctype html>\n<html lang="en">\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="color-scheme" content="light dark">\n'
        f"<title>{title}</title>\n<main>\n<h1>{title}</h1>\n{body}\n</main>\n</html>\n"
    )


def publish_pages(s3: Any, bucket: str, review: Review, site: Path | None) -> list[str]:
    """Put the pages at the console's origin, but for those that the owner's own site has."""
    made = []
    for name, text in pages(review).items():
        if site is None or not (site / name).is_file():
            kind = "text/html; charset=utf-8"
            s3.put_object(
                Bucket=bucket,
                Key=name,
                Body=text.encode(),
                ContentType=kind,
                CacheControl="no-cache",
            )
            made.append(name)
    return made


def add_reviewer(cognito: Any, pool_id: str, email: str, *, new_password: bool) -> str | None:
    """Make a sign-in that needs no mail; return its password, None for one that there was.

    `new_password` gives one that there was another password.
    """
    password = f"Gr-{secrets.token_urlsafe(15)}7"
    try:
        cognito.admin_create_user(
            UserPoolId=pool_id,
            Username=email,
            MessageAction="SUPPRESS",
            UserAttributes=[
                {"Name": "email", "Value": email},
                {"Name": "email_verified", "Value": "true"},
            ],
        )
    except cognito.exceptions.UsernameExistsException:
        if not new_password:
            return None
    cognito.admin_set_user_password(
        UserPoolId=pool_id, Username=email, Password=password, Permanent=True
    )
    return password


def offer_activity(
    public_url: str, email: str, password: str, wait: Callable[[float], None] = time.sleep
) -> bool:
    """Publish the one activity as the reviewer, who is the program's manager.

    Returns False if there is one. Raises `Failure`.
    """
    try:
        token = sign_in(public_url, email, password, ask_new=_nobody, ask_code=_nobody)
    except NotSignedIn as error:
        raise Failure(f"The reviewer cannot sign in: {error}", _AGAIN) from error
    api = _Api(public_url, token)
    if api.ask("GET", "/activities?limit=1")["items"]:
        return False
    asked = api.ask("POST", "/uploads", {"content_type": "video/mp4"})
    form = asked["form"]
    sent = requests.post(
        form["url"],
        data=form["fields"],
        files={"file": (CLIP.name, CLIP.read_bytes(), "video/mp4")},
        timeout=TIMEOUT_SECONDS,
    )
    if not sent.ok:
        raise Failure(f"The video could not be sent: {sent.status_code}.", _AGAIN)
    upload_id = str(asked["upload_id"])
    for _ in range(int(VERDICT_SECONDS / POLL_SECONDS)):
        status = api.ask("GET", f"/uploads/{upload_id}")["status"]
        if status not in {"awaiting_file", "validating"}:
            break
        wait(POLL_SECONDS)
    if status != "valid":
        raise Failure(f"The video of the review is {status}.", _AGAIN)
    wanted = {"upload_id": upload_id, "instructions": INSTRUCTIONS, "points": 10}
    api.ask("POST", "/activities", wanted, key=f"review-{upload_id}")
    return True


_AGAIN = "Run make tiktok-review again; what is done stays."


def _nobody() -> str:
    raise NotSignedIn("it asks for a step that nobody can take here; sign in at the console")


@dataclass(frozen=True)
class _Api:
    url: str
    token: str

    def ask(self, method: str, path: str, body: Any = None, key: str | None = None) -> Any:
        headers = {"Authorization": f"Bearer {self.token}"}
        if key:
            headers["Idempotency-Key"] = key
        answer = requests.request(
            method, f"{self.url}{path}", json=body, headers=headers, timeout=TIMEOUT_SECONDS
        )
        if not answer.ok:
            raise Failure(f"{method} {path} answers {answer.status_code}.", _AGAIN)
        return answer.json()


def sheet(review: Review, public_url: str) -> str:
    """Return what is typed into TikTok's portal, field by field; no password is among it."""
    origin = public_url.removesuffix("/v1")
    scopes = "\n\n".join(f"{name}\n  {words}" for name, words in SCOPES.items())
    return f"""App name            {review.app_name}
Website             {origin}/
Terms of Service    {origin}/{TERMS}
Privacy Policy      {origin}/{PRIVACY}
Products            Login Kit (Web), Content Posting API (upload to inbox), Webhooks
Redirect URI        {public_url}/tiktok/callback
Webhook callback    {public_url}/tiktok/webhook
URL prefix          {origin}/

Why each scope:

{scopes}

How to try it:

  1. Open {origin}/ and sign in as {review.reviewer}, with the password given apart.
  2. The feed shows one video. Press Add Your Account & Send, and allow both scopes on TikTok's
     page.
  3. The video arrives as a draft in the inbox of the TikTok app. Tap the notification, and post it
     or leave it. Greenroom cannot post.
  4. Settings, Social accounts, Disconnect revokes the tokens.
"""
