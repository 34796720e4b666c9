"""The base of what requests and answers hold."""

from pydantic import BaseModel, ConfigDict


class Schema(BaseModel):
    """A pydantic model that is built when it is first used, not when its module is imported.

    A module has the models of all its routes; a request uses two or three of them.
    """

    model_config = ConfigDict(defer_build=True)
