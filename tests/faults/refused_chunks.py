"""Answers to a chunk that contradict the upload's state: impossible ranges, wrong success codes."""

from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Any

from chalicelib.performances.staging_run import MAX_RESUMES
from chalicelib.tiktok.chunks import MAX_CHUNK_BYTES
from chalicelib.tiktok.client import MAX_REALIGNMENTS
from tests.faults.flows import POSTED, REPORTED
from tests.faults.scenario import Scenario
from tests.faults.simulation import POLLING, SMALL_VIDEO_BYTES

TWO_CHUNKS = MAX_CHUNK_BYTES + 1
"""The size of the smallest video that goes out in two chunks."""

SENDINGS = 1 + MAX_RESUMES
"""How often one run sends a chunk that is refused without a usable range."""

REALIGNED_SENDINGS = SENDINGS * (1 + MAX_REALIGNMENTS)
"""How often one run sends a chunk that is refused each time with another range to resume from."""

OUT_OF_ORDER = frozenset({"upload_in_order"})
GIVEN_UP = frozenset({"failed: given_up"})
NEVER_ARRIVED = frozenset({"failed: never_arrived"})


def _answers(status: int, range_told: str | None = None, **more: Any) -> Mapping[str, Any]:
    headers = {} if range_told is None else {"Content-Range": range_told}
    answer = {"endpoint": "upload", "kind": "status", "status": status, "headers": headers}
    code = "invalid_params" if status == 416 else "ok"
    return {**answer, "error_code": code, **more}


def refused_chunks() -> Iterator[Scenario]:
    """Yield the scenarios."""
    yield from _ranges()
    yield from _claims_of_all()
    yield from _of_two_chunks()
    yield from _successes()


def _ranges() -> Iterator[Scenario]:
    size = SMALL_VIDEO_BYTES
    for told, refusals in (
        ("bytes 0-0/{size}", REALIGNED_SENDINGS),
        ("bytes 0-{last}/{size}", SENDINGS),
        ("bytes 0-{size}/{size}", SENDINGS),
        ("bytes 0-{beyond}/{size}", SENDINGS),
        ("bytes 0-{last}/{beyond}", SENDINGS),
        ("bytes */{size}", SENDINGS),
        ("bytes 0-{half}/{size}", REALIGNED_SENDINGS),
        ("bytes {half}-{last}/{size}", SENDINGS),
        ("bytes 0-{last}/*", SENDINGS),
        (None, SENDINGS),
    ):
        made = told and told.format(size=size, last=size - 1, beyond=size + 1, half=size // 2)
        name = f"416 {made or 'without a range'}"
        tolerated_rules = OUT_OF_ORDER if told == "bytes 0-{half}/{size}" else frozenset[str]()
        for often, times in (("once", 1), ("by one address", refusals)):
            yield Scenario(
                f"{name}, {often}",
                "upload",
                (_answers(416, made, times=times),),
                tolerated_rules=tolerated_rules,
                within=timedelta(minutes=15),
                calls={"init": 2},
            )
        yield Scenario(
            f"{name}, taken all the same",
            "upload",
            (_answers(416, made, when="after"),),
            tolerated_rules=tolerated_rules | {"upload_only_once"},
            within=timedelta(minutes=15),
            calls={"init": 1},
        )
    whole = f"bytes 0-{size - 1}/{size}"
    yield Scenario(
        f"416 {whole}, for ever",
        "upload",
        (_answers(416, whole, times=None),),
        expected=GIVEN_UP,
        within=timedelta(hours=2),
        calls={"init": 3},
    )
    lags = {"endpoint": "status", "kind": "told", "when": "after"}
    nothing = {"status": "PROCESSING_UPLOAD", "uploaded_bytes": 0}
    for often, times in (("once", 1), ("six times", 6)):
        yield Scenario(
            f"the answer is lost, and the status lags {often}",
            "upload",
            (
                {"endpoint": "upload", "kind": "reset", "when": "after"},
                {**lags, "told": nothing, "times": times},
            ),
            tolerated_rules=frozenset({"upload_only_once"}),
            within=timedelta(minutes=15),
            calls={"init": 1},
        )


def _claims_of_all() -> Iterator[Scenario]:
    """A 416 claims that all bytes arrived, and the status does not confirm or deny it yet."""
    size = SMALL_VIDEO_BYTES
    says = {"endpoint": "status", "kind": "told", "when": "after"}
    silent = {"status": "PROCESSING_UPLOAD", "uploaded_bytes": None}
    for told in (f"bytes 0-{size - 1}/{size}", f"bytes 0-{size}/{size}"):
        for name, words in (
            ("counts nothing", silent),
            (
                "counts to the last byte",
                {"status": "PROCESSING_UPLOAD", "uploaded_bytes": size - 1},
            ),
            ("says PROCESSING_DOWNLOAD", {"status": "PROCESSING_DOWNLOAD", "uploaded_bytes": None}),
            ("says a word nobody documented", {"status": "IN_REVIEW", "uploaded_bytes": None}),
        ):
            for times in (1, 12):
                yield Scenario(
                    f"416 {told}, the status {name} x{times}",
                    "upload",
                    (_answers(416, told), {**says, "told": words, "times": times}),
                    behaviour=POLLING,
                    within=timedelta(minutes=15),
                    calls={"init": 2},
                )
    nothing = {"status": "PROCESSING_UPLOAD", "uploaded_bytes": 0}
    yield Scenario(
        "the answer is lost, 416 says all, the status nothing, then 0",
        "upload",
        (
            {"endpoint": "upload", "kind": "reset", "when": "after"},
            {**says, "told": nothing, "times": 1},
            {**says, "told": silent, "times": 3},
            {**says, "told": nothing, "times": 8},
        ),
        behaviour=POLLING,
        tolerated_rules=frozenset({"upload_only_once"}),
        within=timedelta(minutes=15),
        calls={"init": 1},
    )


def _of_two_chunks() -> Iterator[Scenario]:
    whole = f"bytes 0-{TWO_CHUNKS - 1}/{TWO_CHUNKS}"
    for name, rule in (
        ("416 says that all is there", _answers(416, whole, skip=1)),
        ("416 says that nothing is there", _answers(416, f"bytes */{TWO_CHUNKS}", skip=1)),
        ("201 for the first", _answers(201, when="after")),
        ("201 for the first, which is not taken", _answers(201)),
        ("206 for the second", _answers(206, when="after", skip=1)),
        ("206 for the second, which is not taken", _answers(206, skip=1)),
        ("206 for the first, which is not taken", _answers(206)),
    ):
        yield Scenario(
            f"two chunks: {name}",
            "upload",
            (rule,),
            size_bytes=TWO_CHUNKS,
            tolerated_rules=OUT_OF_ORDER,
            within=timedelta(minutes=15),
            calls={"init": 1},
        )


def _successes() -> Iterator[Scenario]:
    for status in (200, 202, 206, 302, 400, 409, 413):
        for when in ("before", "after"):
            yield Scenario(
                f"{status} {when}, once",
                "upload",
                (_answers(status, when=when),),
                within=timedelta(minutes=15),
                calls={"init": 1},
            )
        yield Scenario(
            f"{status} before, for ever",
            "upload",
            (_answers(status, times=None),),
            behaviour=POLLING,
            expected=REPORTED - POSTED,
            calls={"init": 3},
        )
    # TikTok claims to have all bytes, but counts none: a second draft could be a second video.
    yield Scenario(
        "201 for what is not taken",
        "upload",
        (_answers(201),),
        expected=NEVER_ARRIVED,
        within=timedelta(hours=3),
    )
