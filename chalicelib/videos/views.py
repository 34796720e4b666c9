"""Videos as answers show them; activities show them too."""

from datetime import datetime
from typing import Annotated, Self

from pydantic import Field

from chalicelib.foundation.schemas import Schema
from chalicelib.videos.model import Preview, VideoFacts, VideoProblem, VideoProblemCode


class VideoView(Schema):
    """Facts of a video, read from its content."""

    container: str
    codec: str
    size_bytes: int
    duration_seconds: float
    width: Annotated[int, Field(description="As displayed, with rotation applied")]
    height: Annotated[int, Field(description="As displayed, with rotation applied")]
    frame_rate: float | None
    has_audio: bool
    preview_url: Annotated[
        str | None,
        Field(
            description="Where to watch it, by ranges if wished. A secret: whoever has it can. "
            "Null in the answer to a creating request, which is kept for replay: read it instead"
        ),
    ] = None
    preview_expires_at: Annotated[
        datetime | None,
        Field(description="Until when, at the latest; ask again for another address"),
    ] = None

    @classmethod
    def of(cls, facts: VideoFacts, preview: Preview | None = None) -> Self:
        view = cls.model_validate(facts, from_attributes=True)
        if preview:
            view.preview_url, view.preview_expires_at = preview.url, preview.expires_at
        return view


class VideoProblemView(Schema):
    """A rule the video breaks, in words for the manager."""

    code: VideoProblemCode
    message: str
    field: str
    actual: int | float | str | None
    limit: int | float | str

    @classmethod
    def of(cls, problem: VideoProblem) -> Self:
        return cls.model_validate(problem, from_attributes=True)
