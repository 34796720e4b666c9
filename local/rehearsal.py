"""A deployment into AWS, rehearsed in a local cloud: the same steps, template file and console.

What differs is a stage's parameters and the local cloud's own corrections, as for `make run`.
"""

import contextlib
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from subprocess import Popen

from deploy.run import Dependencies
from local import (
    cloud,
    console,
    ffprobe,
    front,
    machine,
    package,
    ports,
    processes,
    tiktok,
    workarounds,
)
from local.aws import STACK_NAME, Aws
from local.home import Home
from local.process_environment import REGION
from local.run import gateway_url
from local.template import Template
from local.tiktok import TikTok

POLL_SECONDS = 0.2


REVIEW = {
    "app_name": "Greenroom at Demo",
    "company": "Demo Ltd",
    "address": "1 Example Street",
    "contact": "privacy@demo.example",
    "law": "Ireland",
    "reviewer": "reviewer@demo.example",
}
"""What the stage says of who runs the app."""


@dataclass
class Rehearsal:
    """A local cloud, a TikTok sandbox, and the front that stands for the distribution."""

    home: Home
    aws: Aws
    their: TikTok
    front_port: int
    # A built console in place of this clone's, which takes a while to build.
    pages: Path | None = None
    template: Template = field(default_factory=dict)
    _front: "Popen[bytes] | None" = None

    @property
    def public_url(self) -> str:
        return f"{front.origin(self.front_port)}/v1"

    def stage_file(self, folder: Path) -> None:
        """Write the stage `rehearsal` into a folder."""
        parameters = {
            "IdentityEndpoint": self.aws.endpoint_url,
            "StorageEndpoint": self.aws.endpoint_url,
            "RequireTls": "false",
            "PublicUrl": self.public_url,
            "FfprobePath": str(ffprobe.provide(lambda _words: None)),
            "TikTokApiUrl": self.their.api_url,
            "TikTokAuthorizeUrl": self.their.authorize_url,
            "TikTokClientKey": self.their.client_key,
            "TikTokUploadHosts": self.their.upload_hosts or "127.0.0.1",
        }
        lines = [f'stack = "{STACK_NAME}"', f'region = "{REGION}"', 'site = "site"']
        lines += [f'architecture = "{machine.architecture()}"', "[parameters]"]
        lines += [f'{name} = "{value}"' for name, value in parameters.items()]
        lines += ["[review]", *(f'{name} = "{value}"' for name, value in REVIEW.items())]
        (folder / "rehearsal.toml").write_text("\n".join(lines) + "\n", encoding="utf-8")

    def dependencies(self) -> Dependencies:
        return Dependencies(
            fit=self._fit,
            build=lambda _architecture: package.build(),
            layer=lambda _architecture, _note: None,
            console=lambda note: self.pages or console.build(note),
            after=self._after,
            poll_seconds=POLL_SECONDS,
        )

    def _fit(self, template: Template) -> Template:
        fitted = workarounds.adapt_template(template)
        self.template = fitted
        return fitted

    def _after(self, outputs: Mapping[str, str]) -> None:
        workarounds.after_deployment(self.aws, self.template, outputs)
        self._stop_front()
        plan = front.Plan(
            gateway_url(self.aws, outputs),
            outputs["ConsoleBucketName"],
            self.aws.endpoint_url,
            "rehearsal",
            front.headers_of(self.aws, outputs.get("ConsoleHeadersId")),
            front.headers_of(self.aws, outputs.get("ApiHeadersId")),
            outputs["VideosBucketName"],
            front.headers_of(self.aws, outputs.get("PictureHeadersId")),
        )
        self._front = front.start(self.home, self.front_port, plan)
        self.their.register(self.public_url)

    def _stop_front(self) -> None:
        if self._front:
            processes.stop_process(self._front, front.STOP_SECONDS)
            self._front = None

    def close(self) -> None:
        self._stop_front()


@contextlib.contextmanager
def rehearsal(home: Home) -> Iterator[Rehearsal]:
    """Start what a rehearsal needs, and point this process at it until the end."""
    chosen: dict[str, int] = {}
    for name in ("cloud", "tiktok", "front"):
        chosen[name] = ports.choose(None, None, chosen.values())
    with contextlib.ExitStack() as at_the_end:
        started = cloud.start(home, chosen)
        at_the_end.callback(started.stop, keep=False)
        their, sandbox = tiktok.start_sandbox(home, chosen["tiktok"], {})
        at_the_end.callback(processes.stop_process, sandbox, tiktok.STOP_SECONDS)
        before = os.environ.get("AWS_ENDPOINT_URL")
        os.environ["AWS_ENDPOINT_URL"] = started.endpoint_url
        at_the_end.callback(_restore, before)
        made = Rehearsal(home, Aws(started.endpoint_url), their, chosen["front"])
        at_the_end.callback(made.close)
        yield made


def _restore(endpoint: str | None) -> None:
    if endpoint is None:
        del os.environ["AWS_ENDPOINT_URL"]
    else:
        os.environ["AWS_ENDPOINT_URL"] = endpoint
