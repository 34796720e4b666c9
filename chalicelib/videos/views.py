"""Videos as answers show them; activities show them too."""

from typing import Annotated, Self

from pydantic import BaseModel, Field

from chalicelib.videos.model import VideoFacts, VideoProblem, VideoProblemCode


class VideoView(BaseModel):
    """Facts of a video, as told from its content."""

    container: str
    codec: str
    size_bytes: int
    duration_seconds: float
    width: Annotated[int, Field(description="As displayed, rotation taken into account")]
    height: Annotated[int, Field(description="As displayed, rotation taken into account")]
    frame_rate: float | None
    has_audio: bool

    @classmethod
    def of(cls, facts: VideoFacts) -> Self:
        return cls.model_validate(facts, from_attributes=True)


class VideoProblemView(BaseModel):
    """A rule the video breaks, in words for the manager."""

    code: VideoProblemCode
    message: str
    field: str
    actual: int | float | str | None
    limit: int | float | str

    @classmethod
    def of(cls, problem: VideoProblem) -> Self:
        return cls.model_validate(problem, from_attributes=True)
