"""The checklist of steps left to do by hand, each checked as far as it can be asked."""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import requests
from botocore.exceptions import BotoCoreError, ClientError

from deploy.review import PRIVACY, TERMS
from deploy.stage import Stage

TIMEOUT_SECONDS = 20
UNSET = "unset"
CONCURRENCY_WANTED = 100
OWNERS_MARK = "set_at"
"""What a TikTok secret has that an owner has put there, and a generated one has not."""
SCOPES = ("user.info.basic", "video.upload")
VIEWS_SCOPE = "video.list"
CONSOLES_MARK = "<title>Greenroom</title>"
CODE_UNKNOWN = frozenset({"invalid_grant", "invalid_request"})


class State(StrEnum):
    DONE = "done"
    TO_DO = "TO DO"
    UNKNOWN = "look"


@dataclass(frozen=True)
class Line:
    """One thing of the checklist: whether it is done, and what to do."""

    state: State
    words: str


@dataclass(frozen=True)
class Doctor:
    """Asks a deployed stack, its account and TikTok. `client` makes a client of AWS by its name."""

    stage: Stage
    client: Callable[[str], Any]
    parameters: Mapping[str, str]
    outputs: Mapping[str, str]
    public_url: str

    def lines(self) -> Iterator[Line]:
        for ask in (
            self._protection,
            self._tables,
            self._tiktok_app,
            self._tiktok_redirect,
            self._tiktok_webhook,
            self._tiktok_domain,
            self._tiktok_pages,
            self._sender,
            self._alarms,
            self._concurrency,
            self._budget,
        ):
            try:
                yield from ask()
            except (ClientError, BotoCoreError, requests.RequestException) as error:
                subject = ask.__name__.strip("_").replace("_", " ")
                yield Line(State.UNKNOWN, f"{subject}: it cannot be asked ({_short(error)})")

    def _protection(self) -> Iterator[Line]:
        described = self.client("cloudformation").describe_stacks(StackName=self.stage.stack)
        on = described["Stacks"][0].get("EnableTerminationProtection")
        yield _line(on, "the stack is protected from being deleted", "run make deploy once more")

    def _tables(self) -> Iterator[Line]:
        on = self.parameters.get("DeletionProtection") == "true"
        yield _line(on, "tables and user pool refuse to be deleted", "run make deploy once more")

    def _tiktok_app(self) -> Iterator[Line]:
        key = self.parameters.get("TikTokClientKey", UNSET)
        yield _line(
            key != UNSET,
            "the TikTok app's client key is set",
            f"put TikTokClientKey into deploy/{self.stage.name}.toml, and deploy",
        )
        secret = tiktok_secret(self.client("secretsmanager"), self.outputs["TikTokSecretName"])
        yield _line(
            OWNERS_MARK in secret,
            "the TikTok app's client secret is set",
            f"make secret STAGE={self.stage.name}",
        )
        if key == UNSET or OWNERS_MARK not in secret:
            return
        # A code that there cannot be: TikTok looks at key and secret before it looks at the code.
        answer = requests.post(
            f"{self.parameters['TikTokApiUrl']}/v2/oauth/token/",
            data={
                "client_key": key,
                "client_secret": secret["client_secret"],
                "code": "doctor",
                "grant_type": "authorization_code",
                "redirect_uri": f"{self.public_url}/tiktok/callback",
            },
            timeout=TIMEOUT_SECONDS,
            allow_redirects=False,
        )
        told = _told(answer).get("error", answer.status_code)
        known = told in CODE_UNKNOWN
        yield _line(
            known,
            "TikTok knows the app by this key and secret",
            f"TikTok answers {told}: compare both with TikTok's developer portal",
        )

    def _tiktok_redirect(self) -> Iterator[Line]:
        redirect = f"{self.public_url}/tiktok/callback"
        reads_views = self.parameters.get("TikTokViews") == "true"
        scopes = (*SCOPES, VIEWS_SCOPE) if reads_views else SCOPES
        answer = requests.get(
            self.parameters["TikTokAuthorizeUrl"],
            params={
                "client_key": self.parameters.get("TikTokClientKey", UNSET),
                "response_type": "code",
                "scope": ",".join(scopes),
                "redirect_uri": redirect,
                "state": "doctor",
            },
            timeout=TIMEOUT_SECONDS,
            allow_redirects=False,
        )
        words = f"{answer.headers.get('Location', '')} {answer.text[:20_000]}"
        wrong = [
            each
            for each in ("redirect_uri", "client_key", "scope")
            if f"error_type={each}" in words or (f'"{each}"' in words and "errCode" in words)
        ]
        refused = answer.status_code >= requests.codes.bad_request or wrong
        yield Line(
            State.TO_DO if refused else State.UNKNOWN,
            f"TikTok's portal has the redirect address {redirect} and the scopes"
            f" {', '.join(scopes)}"
            + (
                f": TikTok refuses them ({', '.join(wrong) or answer.status_code})"
                if refused
                else " (TikTok's page does not refuse them; only a consent proves it)"
            ),
        )

    def _tiktok_webhook(self) -> Iterator[Line]:
        address = f"{self.public_url}/tiktok/webhook"
        answer = requests.post(address, json={}, timeout=TIMEOUT_SECONDS, allow_redirects=False)
        ours = "problem+json" in answer.headers.get("Content-Type", "")
        yield Line(
            State.UNKNOWN if ours else State.TO_DO,
            f"TikTok's portal has the webhook address {address}"
            + (
                " (it answers, and refuses what is not signed)"
                if ours
                else f": it answers {answer.status_code}"
            ),
        )

    def _tiktok_domain(self) -> Iterator[Line]:
        domain = self.parameters.get("ConsoleDomain")
        yield _line(
            domain,
            "the console has a domain of yours, which app review asks for",
            f"ConsoleDomain and ConsoleCertificateArn in {self.stage.name}.toml",
        )
        site = self.stage.site
        kept = sorted(site.glob("tiktok*.txt")) if site else []
        served = [each for each in kept if self._page(each.name).content == each.read_bytes()]
        yield _line(
            kept and served == kept,
            "TikTok's file of the domain's verification is served",
            "put the file from its portal into the folder that `site` names, and deploy",
        )

    def _tiktok_pages(self) -> Iterator[Line]:
        for name in (TERMS, PRIVACY):
            answer = self._page(name)
            # An unknown address is answered with the console's own page.
            own = answer.ok and CONSOLES_MARK not in answer.text
            remedy = f"make tiktok-review STAGE={self.stage.name}, or a file of your own in `site`"
            yield _line(own, f"{name} is served", remedy)

    def _page(self, name: str) -> requests.Response:
        origin = self.public_url.removesuffix("/v1")
        return requests.get(f"{origin}/{name}", timeout=TIMEOUT_SECONDS, allow_redirects=False)

    def _sender(self) -> Iterator[Line]:
        if not self.parameters.get("MailIdentityArn"):
            yield Line(
                State.TO_DO,
                "a sender of yours mails invitations (MailIdentityArn): without one the pool mails"
                " some fifty a day",
            )
            return
        account = self.client("sesv2").get_account()
        yield _line(
            account.get("ProductionAccessEnabled"),
            "SES is out of its sandbox",
            "ask for production access in the console of SES",
        )

    def _alarms(self) -> Iterator[Line]:
        if not self.parameters.get("AlarmEmail"):
            yield Line(
                State.TO_DO, f"somebody is told of alarms: AlarmEmail in {self.stage.name}.toml"
            )
            return
        topic = self.outputs["AlarmTopicArn"]
        found = self.client("sns").list_subscriptions_by_topic(TopicArn=topic)["Subscriptions"]
        confirmed = [each for each in found if each["SubscriptionArn"].startswith("arn:")]
        yield _line(
            confirmed,
            f"{self.parameters['AlarmEmail']} has confirmed to be told of alarms",
            "follow the link in the mail from AWS Notifications",
        )

    def _concurrency(self) -> Iterator[Line]:
        limit = concurrency(self.client("lambda"))
        yield _line(
            limit >= CONCURRENCY_WANTED,
            f"the account may run {limit} functions at once",
            f"ask for {CONCURRENCY_WANTED} or more in Service Quotas, AWS Lambda",
        )

    def _budget(self) -> Iterator[Line]:
        account = self.client("sts").get_caller_identity()["Account"]
        budgets = self.client("budgets").describe_budgets(AccountId=account).get("Budgets", [])
        yield _line(budgets, "a budget tells of bills", "make one in AWS Budgets; $10 is a start")


def concurrency(client: Any) -> int:
    """Return how many functions the account may run at once."""
    return int(client.get_account_settings()["AccountLimit"]["ConcurrentExecutions"])


def tiktok_secret(client: Any, name: str) -> dict[str, Any]:
    """Return what lies in the stack's TikTok secret."""
    found = json.loads(client.get_secret_value(SecretId=name)["SecretString"])
    return dict(found)


def _line(done: object, words: str, remedy: str) -> Line:
    return Line(State.DONE, words) if done else Line(State.TO_DO, f"{words}: {remedy}")


def _told(answer: requests.Response) -> dict[str, Any]:
    try:
        content = answer.json()
    except ValueError:
        return {}
    return content if isinstance(content, dict) else {}


def _short(error: Exception) -> str:
    return f"{type(error).__name__}: {str(error)[:160]}"
