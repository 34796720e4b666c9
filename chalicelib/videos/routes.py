"""Uploads over HTTP."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated

from pydantic import ConfigDict, Field

from chalicelib.foundation.http import Answer, Request, RequiredRole, endpoint
from chalicelib.foundation.problems import ProblemCode
from chalicelib.foundation.schemas import Schema
from chalicelib.videos.model import MAX_TRIES, UploadStatus
from chalicelib.videos.service import VideoService
from chalicelib.videos.views import VideoProblemView, VideoView


class ContentType(StrEnum):
    MP4 = "video/mp4"
    WEBM = "video/webm"


class NewUpload(Schema):
    model_config = ConfigDict(extra="forbid")

    content_type: ContentType


class FormView(Schema):
    """POST the file here as multipart/form-data: these fields first, the file last as `file`."""

    url: str
    fields: dict[str, str]


class UploadForm(Schema):
    upload_id: str
    status: UploadStatus
    form: FormView
    expires_at: datetime


class UploadView(Schema):
    upload_id: str
    status: UploadStatus
    content_type: ContentType
    created_at: datetime
    validating_since: Annotated[
        datetime | None,
        Field(description="When the examination of the file began; null unless it is under way"),
    ]
    try_number: Annotated[
        int | None,
        Field(description=f"Which examination of the file this is, of up to {MAX_TRIES}, likewise"),
    ]
    expires_at: Annotated[datetime, Field(description="Until when the form takes a file")]
    video: VideoView | None
    problems: list[VideoProblemView]


@endpoint(
    RequiredRole.MANAGER,
    body=NewUpload,
    answers={201: UploadForm},
    problems=(ProblemCode.LIMIT_REACHED,),
    idempotent=True,
)
def ask(service: VideoService, request: Request[NewUpload, None]) -> Answer:
    """Create an upload and the form that posts its file to S3."""
    form = service.ask_for_upload(
        request.caller, request.body.content_type, request.correlation_id, request.made_id
    )
    return Answer(
        201,
        UploadForm(
            upload_id=form.upload.upload_id,
            status=form.upload.state,
            form=FormView(url=form.url, fields=form.fields),
            expires_at=form.upload.form_expires_at,
        ),
    )


@endpoint(RequiredRole.MANAGER, answers={200: UploadView}, problems=(ProblemCode.NOT_FOUND,))
def read(service: VideoService, request: Request[None, None]) -> Answer:
    """Read an upload: status, video, problems."""
    upload = service.upload(request.caller, request.path["upload_id"])
    valid = upload.state is UploadStatus.VALID
    validating = upload.state is UploadStatus.VALIDATING
    return Answer(
        200,
        UploadView(
            upload_id=upload.upload_id,
            status=upload.status_at(service.now()),
            content_type=ContentType(upload.content_type),
            created_at=upload.created_at,
            validating_since=upload.validating_since if validating else None,
            try_number=max(1, upload.tries) if validating else None,
            expires_at=upload.form_expires_at,
            video=VideoView.of(upload.video, service.preview(upload.video_key, upload.video))
            if upload.video and valid
            else None,
            problems=[VideoProblemView.of(problem) for problem in upload.problems],
        ),
    )
