"""A deployment from beginning to end: every step can be run twice, and says what to do next."""

import json
import os
import subprocess
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from commands.console import config_of, publish, publish_site
from commands.stack import Stack as OwnersStack
from deploy import doctor, restore, review, smoke, stage
from deploy.artefacts import Artefacts, Deployed, parameters_of
from deploy.changes import Refusal, describe, holds_messages, lost_queues, refusals, word_for
from deploy.stacks import POLL_SECONDS, ChangeSet, Stack
from deploy.stage import Stage
from local import console, layer, package
from local.failure import Failure
from local.home import PROJECT
from local.package import Package
from local.steps import Steps
from local.template import Template

CONFIG = Config(
    connect_timeout=10,
    read_timeout=60,
    retries={"mode": "standard", "max_attempts": 5},
    s3={"addressing_style": "path", "us_east_1_regional_endpoint": "regional"},
    signature_version="s3v4",
)
MIN_CONCURRENCY = 40
"""With less concurrency, one busy queue would leave no room for people's requests."""
KEPT = "RetainExceptOnCreate"
PACKAGED_PATHS = (*package.INPUTS, "console", "layers")
"""What a deployment is made of: an unknown file elsewhere, such as a new stage's, is none of it."""
WAITING = (
    "ApproximateNumberOfMessages",
    "ApproximateNumberOfMessagesNotVisible",
    "ApproximateNumberOfMessagesDelayed",
)
REMOVAL = {
    "AWS::DynamoDB::Table": "aws dynamodb update-table --no-deletion-protection-enabled"
    " --table-name {0} && aws dynamodb delete-table --table-name {0}",
    "AWS::S3::Bucket": "aws s3 rb --force s3://{0}",
    "AWS::Cognito::UserPool": "aws cognito-idp update-user-pool --deletion-protection INACTIVE"
    " --user-pool-id {0} && aws cognito-idp delete-user-pool --user-pool-id {0}",
    "AWS::KMS::Key": "aws kms schedule-key-deletion --key-id {0}",
    "AWS::SecretsManager::Secret": "aws secretsmanager delete-secret --secret-id {0}",
}

Ask = Callable[[str], bool]


@dataclass(frozen=True)
class Dependencies:
    """Steps and settings that a deployment into a local cloud replaces; the defaults are AWS's."""

    fit: Callable[[Template], Template] = lambda template: template
    build: Callable[[str], Package] = lambda architecture: package.build(architecture=architecture)
    layer: Callable[[str, Callable[[str], None]], Path | None] = lambda architecture, note: (
        layer.build(architecture, note).zip_file
    )
    console: Callable[[Callable[[str], None]], Path] = console.build
    after: Callable[[Mapping[str, str]], None] = lambda _outputs: None
    poll_seconds: float = POLL_SECONDS


@dataclass(frozen=True)
class Built:
    """The packaged template as it lies in the bucket, and what made it."""

    template: Template
    key: str
    build: str


@dataclass
class Deployer:
    """One stage of one account. `ask` puts a question, and returns whether to go on."""

    stage: Stage
    ask: Ask
    dependencies: Dependencies = field(default_factory=Dependencies)
    let_go: Collection[str] = ()
    allow_dirty: bool = False
    steps: Steps = field(default_factory=lambda: Steps(total=1))

    @cached_property
    def _session(self) -> boto3.Session:
        return boto3.Session(region_name=self.stage.region)

    def client(self, name: str) -> Any:
        make: Any = self._session.client
        # Budgets are asked in one region, wherever else the stack is.
        region = "us-east-1" if name == "budgets" else self.stage.region
        return make(name, region_name=region, config=CONFIG)

    @cached_property
    def stack(self) -> Stack:
        return Stack(
            self.client("cloudformation"),
            self.stage.stack,
            self.steps.note,
            self.dependencies.poll_seconds,
        )

    @cached_property
    def _identity(self) -> Mapping[str, str]:
        try:
            found: Mapping[str, str] = self.client("sts").get_caller_identity()
        except (BotoCoreError, ClientError) as error:
            raise Failure(
                f"AWS does not take these credentials: {error}",
                "Sign in (aws sso login, or AWS_PROFILE=...), see that aws sts get-caller-identity"
                " answers, and run this again.",
            ) from None
        return found

    @cached_property
    def artefacts(self) -> Artefacts:
        partition = self._identity["Arn"].split(":")[1]
        return Artefacts(self.client("s3"), self._identity["Account"], self.stage.region, partition)

    # --- the verbs ---------------------------------------------------------------------------

    def deploy(self, secret: str | None = None) -> dict[str, str]:
        """Deploy this clone to the stack; return the stack's outputs."""
        self.steps = Steps(total=8)
        with self.steps.step("Looking at account, clone and stack"):
            self.confirm_account("Deploy")
            self.preflight()
        built = self._package()
        with self.steps.step("Bringing the stack up to date"):
            self._update(built)
            self.stack.protect(on=True)
        outputs = self.stack.outputs()
        with self.steps.step("TikTok's client secret"):
            self._keep_secret(outputs, secret)
        with self.steps.step("Publishing the console"):
            self._publish(outputs)
        self.dependencies.after(outputs)
        with self.steps.step("Trying it out"):
            self._print_domain_steps(outputs)
            smoke.run(self._deployment(outputs, built.build), self.steps.note)
        self._remember(built, _commit())
        with self.steps.step("What is left to do by hand"):
            self.doctor()
        return outputs

    def diff(self) -> bool:
        """Show what a deployment would change, and change nothing; return whether it would."""
        self.steps = Steps(total=3)
        self._identity  # noqa: B018  fails with words for whoever has no credentials
        built = self._package()
        with self.steps.step("Asking CloudFormation"):
            self.stack.require_ready()
            planned = self._plan(built, self._parameters(built, first=False))
            if planned is None:
                self.steps.note("nothing would change")
                return False
            self._print_plan(planned)
            refused = self._refusals(planned, built.template)
            self.stack.drop(planned)
        if refused:
            raise refused
        return True

    def rollback(self) -> dict[str, str]:
        """Bring the stack back to the latest deployment that went well and is not there now."""
        self.steps = Steps(total=2)
        self.confirm_account("Go back to the deployment before in")
        found = self._before()
        if found is None:
            raise Failure(
                f"Nothing was deployed to {self.stage.stack} before what is there.",
                "Check out the commit you want, and run make deploy.",
            )
        earlier, template = found
        key = self.artefacts.put_template(self.stage.stack, template)
        built = Built(template, key, earlier.build)
        with self.steps.step(f"Going back to build {earlier.build} ({earlier.commit})"):
            self.stack.require_ready()
            self._update(built)
        outputs = self.stack.outputs()
        self.dependencies.after(outputs)
        with self.steps.step("Trying it out"):
            smoke.health(self._deployment(outputs, built.build))
        self._remember(built, earlier.commit)
        self.steps.note("the console is still the newer one: it lives with an older API; publish")
        self.steps.note("the older one with make deploy in a clone of that commit")
        return outputs

    def restore(self, at: str, only: Collection[str] = ()) -> dict[str, str]:
        """Have the stack use its tables as they were at an instant; return the outputs.

        The tables of now stay in the account, under their names.
        """
        self.steps = Steps(total=4)
        then = restore.instant(at, datetime.now(UTC))
        self.confirm_account(f"Go back to the tables of {then:%Y-%m-%d %H:%M:%S} UTC in")
        history = self.artefacts.history(self.stage.stack)
        if self.stack.found() is None or not history or self.stage.file is None:
            raise Failure(
                f"There is no stack {self.stage.stack} that make deploy made.",
                "Tables of another one are restored by hand: docs/runbook.md.",
            )
        self.stack.require_ready()
        # What the stack has, which may have failed its trial and so be in no history.
        template = self.stack.template()
        build = parameters_of(self._found())["Build"]
        bases = restore.chosen(template, only)
        copies = restore.Copies(
            self.client("dynamodb"),
            self.stage.stack,
            then,
            self.steps.note,
            self.dependencies.poll_seconds,
        )
        with self.steps.step(f"Restoring {len(bases)} tables beside those of now"):
            live, used = {}, set()
            for each in self.stack.members():
                base = restore.base_of(str(each["LogicalResourceId"]))
                if base in bases:
                    live[base] = str(each["PhysicalResourceId"])
                    used.add(live[base])
            again = {base for base in bases if copies.name(base) in used}
            if again:
                self.steps.note(f"{len(again)} of them are in use already")
            made = copies.make(
                {base: name for base, name in live.items() if base not in again}, template
            )
        with self.steps.step(f"Noting them in {self.stage.file.name}"):
            tables = {**self.stage.tables, **{base: live[base] for base in again}, **made}
            text = self.stage.file.read_text(encoding="utf-8")
            self.stage.file.write_text(restore.with_tables(text, tables), encoding="utf-8")
            self.stage = replace(self.stage, tables=tables)
            self.steps.note("commit it: a deployment without it is refused")
        with self.steps.step("Having the stack use them"):
            packaged = restore.repointed(template, tables)
            key = self.artefacts.put_template(self.stage.stack, packaged)
            built = Built(packaged, key, build)
            self.dependencies.fit(packaged)
            self._update(built)
        outputs = self.stack.outputs()
        self.dependencies.after(outputs)
        with self.steps.step("Trying it out"):
            smoke.health(self._deployment(outputs, built.build))
        commits = [each.commit for each in history if each.build == build]
        self._remember(built, commits[-1] if commits else "unknown")
        for base, name in sorted(live.items()):
            if base not in again:
                print(f"  {name} holds {base} as it was until now; nothing uses it any more")
        return outputs

    def destroy(self, confirmation: str) -> None:
        """Delete the stack; what people's work is in stays, and is told with how to remove it."""
        if confirmation != self.stage.stack:
            raise Failure(
                f"Nothing was deleted: {confirmation!r} is not {self.stage.stack!r}.",
                "Type the stack's whole name to delete it.",
            )
        self.steps = Steps(total=1)
        self._found()
        self.confirm_account("DELETE")
        # Before, for whoever is interrupted: a stack that is gone tells nothing any more.
        print("\nThese stay, with all that is in them, and are still paid for. To remove them:")
        for line in self._kept():
            print(f"  {line}", flush=True)
        with self.steps.step(f"Deleting the stack {self.stage.stack}"):
            self.steps.note("tables, buckets, pool, key and secrets are kept; the rest goes")
            self.stack.protect(on=False)
            self.stack.delete()
        print("\nThe stack is gone; what stays, and how to remove it, is above.")

    def doctor(self) -> int:
        """Show the steps left to do by hand; return how many are known to be undone."""
        found = self._found()
        outputs = self.stack.outputs()
        parameters = parameters_of(found)
        patient = doctor.Doctor(
            self.stage, self.client, parameters, outputs, _public_url(parameters, outputs)
        )
        undone = 0
        for line in patient.lines():
            print(f"      [{line.state}] {line.words}", flush=True)
            undone += line.state is doctor.State.TO_DO
        return undone

    def _found(self) -> Mapping[str, Any]:
        """Return the stack as CloudFormation describes it. Raises `Failure` if there is none."""
        found: Mapping[str, Any] | None = self.stack.found()
        if found is None:
            raise Failure(
                f"There is no stack {self.stage.stack} in {self.stage.region}.",
                f"make deploy STAGE={self.stage.name} makes it.",
            )
        return found

    def review(self, *, new_password: bool) -> None:
        """Prepare TikTok's app review: pages, a reviewer with something to try, words to type."""
        asked = self.stage.review
        if asked is None:
            raise Failure(
                f"The stage {self.stage.name} has no table [review].",
                "deploy/prod.toml shows one; docs/tiktok-app.md says what it is for.",
            )
        found = self._found()
        parameters, outputs = parameters_of(found), self.stack.outputs()
        public_url = _public_url(parameters, outputs)
        self.steps = Steps(total=3)
        self.confirm_account("Prepare TikTok's app review in")
        with self.steps.step("Terms and privacy pages"):
            bucket = outputs["ConsoleBucketName"]
            made = review.publish_pages(self.client("s3"), bucket, asked, self.stage.site)
            self.steps.note(f"made: {', '.join(made) or 'none, your site has its own'}")
        with self.steps.step("The reviewer's account"):
            programs = OwnersStack(self.stage.stack).container().programs
            programs.create_program(review.PROGRAM, "UTC", asked.reviewer)
            pool = self.client("cognito-idp")
            password = review.add_reviewer(
                pool, outputs["UserPoolId"], asked.reviewer, new_password=new_password
            )
            self.steps.note(
                f"the password, shown once: {password}"
                if password
                else "there is one; --new-password gives it another password"
            )
        with self.steps.step("One activity to try"):
            if password is None:
                self.steps.note("left as it is: only the reviewer can publish it")
            else:
                new = review.offer_activity(public_url, asked.reviewer, password)
                self.steps.note("published" if new else "there is one")
        print(f"\n{review.sheet(asked, public_url)}", flush=True)

    def keep_secret(self, secret: str) -> None:
        self.steps = Steps(total=1)
        self.confirm_account("Put TikTok's client secret into")
        with self.steps.step("TikTok's client secret"):
            self._keep_secret(self.stack.outputs(), secret)

    def logs(self, function: str, since_seconds: int) -> None:
        """Print a function's log of late, the oldest line first."""
        names = {
            str(each["LogicalResourceId"]): str(each["PhysicalResourceId"])
            for each in self.stack.members()
            if each["ResourceType"] == "AWS::Lambda::Function"
        }
        if function not in names:
            raise Failure(
                f"The stack has no function {function}.", f"It has {', '.join(sorted(names))}."
            )
        start = int((datetime.now(UTC).timestamp() - since_seconds) * 1000)
        pages = self.client("logs").get_paginator("filter_log_events")
        for page in pages.paginate(logGroupName=f"/aws/lambda/{names[function]}", startTime=start):
            for event in page["events"]:
                print(event["message"].rstrip())

    def console_url(self) -> str:
        outputs = self.stack.outputs()
        if not outputs:
            raise Failure(
                f"There is no stack {self.stage.stack} in {self.stage.region}.",
                f"make deploy STAGE={self.stage.name} makes it.",
            )
        return outputs["ConsoleUrl"]

    # --- the steps ---------------------------------------------------------------------------

    def confirm_account(self, what: str) -> None:
        account = self._identity["Account"]
        wanted = self.stage.account
        if wanted and account != wanted:
            raise Failure(
                f"These credentials are of account {account}; the stage {self.stage.name} belongs"
                f" into {wanted}.",
                "Sign in to the other account, or change account in the stage's file.",
            )
        question = (
            f"{what} the stack {self.stage.stack} in account {account}, region"
            f" {self.stage.region}, as {self._identity['Arn']}?"
        )
        if not self.ask(question):
            raise Failure("Nothing was changed.", "Run it again when you are ready.")

    def preflight(self) -> None:
        if not self.allow_dirty and (changed := uncommitted()):
            raise Failure(
                f"The clone has changes that no commit has:\n{changed}",
                "Commit or stash them, so that what is deployed can be found again;"
                " --allow-dirty deploys them all the same.",
            )
        limit = doctor.concurrency(self.client("lambda"))
        if limit < MIN_CONCURRENCY:
            raise Failure(
                f"This account may run only {limit} functions at once; Greenroom's queues alone"
                f" would take all of them, and people's requests be refused.",
                f"Ask for {doctor.CONCURRENCY_WANTED} in Service Quotas, AWS Lambda, Concurrent"
                " executions: it is free, and takes minutes to a day.",
            )
        self.steps.note(f"the account may run {limit} functions at once")
        self.stack.require_ready()
        self.steps.note(f"the stack is {self.stack.status() or 'not there yet'}")

    def _package(self) -> Built:
        with self.steps.step("Packaging for " + self.stage.architecture):
            made = self.dependencies.build(self.stage.architecture)
            media = self.dependencies.layer(self.stage.architecture, self.steps.note)
            if media:
                whole = made.folder / layer.MEDIA_ZIP_NAME
                media = layer.with_library(media, made.library, self.stage.architecture, whole)
            template = restore.repointed(made.template(), self.stage.tables)
            template = self.dependencies.fit(template)
            stage.check(self.stage, template)
        with self.steps.step(f"Uploading to {self.artefacts.bucket}"):
            if self.artefacts.prepare():
                self.steps.note("made it: private, versioned, by TLS only")
            packaged = self.artefacts.place(template, made.zip_file, media)
            key = self.artefacts.put_template(self.stage.stack, packaged)
        return Built(packaged, key, made.content[:12])

    def _parameters(self, built: Built, *, first: bool) -> dict[str, str]:
        """Return the parameters of a pass; the first one knows no address, and protects nothing."""
        declared = built.template.get("Parameters", {})
        values = dict(self.stage.parameters)
        if not first:
            outputs = self.stack.outputs()
            url, own_domain = outputs.get("ConsoleUrl"), values.get("ConsoleDomain")
            if url and not values.get("PublicUrl") and not own_domain:
                values["PublicUrl"] = f"{url}/v1"
            values.setdefault("OwnHosts", ",".join(self._own_hosts(outputs)))
        values["Architecture"] = self.stage.architecture
        values["Build"] = built.build
        values["DeletionProtection"] = "false" if first else "true"
        return {name: value for name, value in values.items() if name in declared}

    def _own_hosts(self, outputs: Mapping[str, str]) -> list[str]:
        """Return the names at which AWS answers for the stack, whatever domain it has besides."""
        found = [outputs["DistributionDomain"]] if "DistributionDomain" in outputs else []
        if "RestAPIId" in outputs:
            found.append(f"{outputs['RestAPIId']}.execute-api.{self.stage.region}.amazonaws.com")
        return [each.lower() for each in found]

    def _update(self, built: Built) -> None:
        """Make the planned change, the first creation in two passes."""
        if self.stack.found() is None:
            self.steps.note("first pass: made so that a failure leaves nothing behind")
            self._carry_out(built, self._parameters(built, first=True))
            self.steps.note("second pass: its own address, and protection from deletion")
        self._carry_out(built, self._parameters(built, first=False))

    def _carry_out(self, built: Built, parameters: Mapping[str, str]) -> None:
        planned = self._plan(built, parameters)
        if planned is None:
            self.steps.note("nothing to change")
            return
        self._print_plan(planned)
        if refused := self._refusals(planned, built.template):
            self.stack.drop(planned)
            raise refused
        agreed = planned.creates
        try:
            agreed = agreed or self.ask("Make these changes?")
        finally:  # an interrupt is a no, too
            if not agreed:
                self.stack.drop(planned)
        if not agreed:
            raise Failure("Nothing was changed.", "Run it again when you are ready.")
        self.stack.carry_out(planned)

    def _plan(self, built: Built, parameters: Mapping[str, str]) -> ChangeSet | None:
        address, imports = self.artefacts.url(built.key), bool(self.stage.tables)
        return self.stack.plan(address, parameters, imports=imports)

    def _print_plan(self, planned: ChangeSet) -> None:
        for line in describe(planned.changes):
            self.steps.note(line)

    def _refusals(self, planned: ChangeSet, template: Template) -> Failure | None:
        before = self.stack.resources()
        let_go = {*self.let_go, *restore.replaced(before, template, self.stage.tables)}
        found = list(refusals(planned.changes, before, template["Resources"], let_go))
        found += self._messages_lost(planned)
        if not found:
            return None
        whats = "\n".join(f"    {each.what}" for each in found)
        return Failure(
            f"This update is not made:\n{whats}", "\n".join(each.instead for each in found)
        )

    def _messages_lost(self, planned: ChangeSet) -> Iterator[Refusal]:
        """Yield a refusal for each queue that would go while messages wait in it."""
        lost = {each.name for each in lost_queues(planned.changes, self.let_go)}
        for each in self.stack.members() if lost else ():
            if each["LogicalResourceId"] in lost:
                told = self.client("sqs").get_queue_attributes(
                    QueueUrl=each["PhysicalResourceId"], AttributeNames=list(WAITING)
                )["Attributes"]
                if waiting := sum(int(told[name]) for name in WAITING):
                    yield holds_messages(str(each["LogicalResourceId"]), waiting)

    def _keep_secret(self, outputs: Mapping[str, str], secret: str | None) -> None:
        secrets, name = self.client("secretsmanager"), outputs["TikTokSecretName"]
        known = doctor.tiktok_secret(secrets, name)
        if secret is None:
            told = "is set" if doctor.OWNERS_MARK in known else "is not set yet"
            self.steps.note(f"it {told}; make secret STAGE={self.stage.name} sets it")
            return
        if known.get("client_secret") == secret and doctor.OWNERS_MARK in known:
            self.steps.note("it is this one already")
            return
        kept = {"client_secret": secret, doctor.OWNERS_MARK: datetime.now(UTC).isoformat()}
        secrets.put_secret_value(SecretId=name, SecretString=json.dumps(kept))
        self.steps.note("kept; functions that know the old one ask again within minutes")

    def _publish(self, outputs: Mapping[str, str]) -> None:
        found: Mapping[str, Any] = self.stack.found() or {}
        folder = self.dependencies.console(self.steps.note)
        config = config_of(parameters_of(found), outputs, self.stage.region)
        s3, bucket = self.client("s3"), outputs["ConsoleBucketName"]
        files = publish(s3, bucket, folder, config)
        if self.stage.site:
            try:
                files += publish_site(s3, bucket, self.stage.site)
            except ValueError as error:
                raise Failure(str(error), "Rename it, and run this again.") from None
        self.client("cloudfront").create_invalidation(
            DistributionId=outputs["DistributionId"],
            InvalidationBatch={
                "Paths": {"Quantity": 1, "Items": ["/*"]},
                "CallerReference": f"greenroom-{datetime.now(UTC).timestamp()}",
            },
        )
        self.steps.note(f"{files} files; browsers see them within a minute or two")

    def _deployment(self, outputs: Mapping[str, str], build: str) -> smoke.Deployment:
        found: Mapping[str, Any] = self.stack.found() or {}
        public = _public_url(parameters_of(found), outputs)
        return smoke.Deployment(public.removesuffix("/v1"), build, outputs)

    def _print_domain_steps(self, outputs: Mapping[str, str]) -> None:
        domain = self.stage.parameters.get("ConsoleDomain")
        if domain and not self.stage.parameters.get("HostedZoneId"):
            self.steps.note(f"{domain} has to point at {outputs['DistributionDomain']} (CNAME)")

    def _before(self) -> tuple[Deployed, Template] | None:
        """Return the latest deployment that went well and is not what the stack has.

        A deployment that failed its trial is in no history: the one before it is the latest there.
        """
        now = self.stack.template()
        for each in reversed(self.artefacts.history(self.stage.stack)):
            template = restore.repointed(self.artefacts.template(each.template), self.stage.tables)
            if template != now:
                return each, template
        return None

    def _remember(self, built: Built, commit: str) -> None:
        at = datetime.now(UTC).isoformat(timespec="seconds")
        done = Deployed(built.key, built.build, commit, at)
        self.artefacts.remember(self.stage.stack, done)

    def _kept(self) -> list[str]:
        """Return the resources that a removal leaves, with the commands to remove them."""
        resources = self.stack.resources()
        lines = []
        for each in self.stack.members():
            kind, name = str(each["ResourceType"]), str(each["LogicalResourceId"])
            resource = resources.get(name, {})
            if kind in REMOVAL and resource.get("DeletionPolicy") == KEPT:
                removal = REMOVAL[kind].format(each["PhysicalResourceId"])
                versions = "VersioningConfiguration" in resource.get("Properties", {})
                first = "; first Empty it in the console of S3, old versions too" * versions
                lines.append(f"{removal}    # the {word_for(kind)} {name}{first}")
        lines.append(f"the bucket {self.artefacts.bucket} of all stages' packages")
        return lines


def _public_url(parameters: Mapping[str, str], outputs: Mapping[str, str]) -> str:
    return parameters.get("PublicUrl") or f"{outputs['ConsoleUrl']}/v1"


def uncommitted(clone: Path = PROJECT) -> str:
    """Return what no commit has: changed files, and new ones where they would be packed."""
    new = _git("status", "--porcelain", "--untracked-files=all", "--", *PACKAGED_PATHS, clone=clone)
    changed = _git("status", "--porcelain", "--untracked-files=no", clone=clone)
    return "\n".join(dict.fromkeys([*changed.splitlines(), *new.splitlines()]))


def _commit() -> str:
    return _git("rev-parse", "--short", "HEAD") or "unknown"


def _git(*arguments: str, clone: Path = PROJECT) -> str:
    ran = subprocess.run(
        ["git", *arguments],
        cwd=clone,
        env=os.environ | {"LC_ALL": "C"},
        capture_output=True,
        text=True,
        check=False,
    )
    return ran.stdout.rstrip() if ran.returncode == 0 else ""
