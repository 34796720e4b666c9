"""Views of the disclosure settings that members switch on in TikTok."""

from typing import Annotated, Self

from pydantic import Field

from chalicelib.activities.model import RequiredDisclosure, Toggle
from chalicelib.foundation.schemas import Schema
from chalicelib.programs.model import ContentDisclosure


class DisclosureView(Schema):
    """Settings a member has to switch on in TikTok; no inbox upload can do it for them."""

    content_disclosure: ContentDisclosure
    ai_generated: bool
    toggles: Annotated[list[Toggle], Field(description="In the order of TikTok's post screen")]
    version: Annotated[
        str | None,
        Field(description="What performing has to name as acknowledged; null: nothing to do"),
    ]
    text: Annotated[str | None, Field(description="What the member acknowledges before sending")]

    @classmethod
    def of(cls, asked: RequiredDisclosure) -> Self:
        return cls(
            content_disclosure=asked.content_disclosure,
            ai_generated=asked.ai_generated,
            toggles=list(asked.toggles),
            version=asked.version,
            text=asked.text(),
        )
