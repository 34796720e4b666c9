"""The Lambdas of an app: the name each one writes under, and what it gets ready at its start.

Lambda runs a function's initialisation on a whole processor and its first invocation on the share
that its memory buys. So what a function always uses is imported and made at its start; a setting
that is missing or malformed stops it there.
"""

import gc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from importlib import import_module
from operator import attrgetter
from typing import Any

from chalicelib.foundation.actors import acting, system
from chalicelib.foundation.logging import logger
from chalicelib.foundation.settings import NotSetUp


class Functions:
    """Registers an app's functions; `start` gets one of them ready."""

    def __init__(self) -> None:
        self._starts: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {}

    @property
    def names(self) -> frozenset[str]:
        return frozenset(self._starts)

    def register(self, name: str, *, parts: tuple[str, ...], modules: tuple[str, ...]) -> None:
        """Declare what a function always uses: attributes of the container, and modules."""
        self._starts[name] = (parts, modules)

    def function[Given, Answer](
        self, *parts: str, module: str
    ) -> Callable[[Callable[[Given], Answer]], Callable[[Given], Answer]]:
        """Make of a handler one that writes as the system, under the handler's name.

        `parts` of the container and the package's `module` are got ready at the function's start.
        """

        def mark(handle: Callable[[Given], Answer]) -> Callable[[Given], Answer]:
            self.register(handle.__name__, parts=parts, modules=(module,))

            @wraps(handle)
            def handler(given: Given) -> Answer:
                with acting(system(handle.__name__)):
                    return handle(given)

            return handler

        return mark

    def start(self, container: Any) -> None:
        """Import and make what this process's function always uses, by the setting `function`.

        Without it nothing: for tests, commands and packaging. Raises `SettingMissing` and
        `SettingsMalformed`. Leaves for later what
        waits for a setting that the owner gives after the first deployment.
        """
        name = container.settings.function
        if not name:
            return
        parts, modules = self._starts[name]
        with _garbage_collection_paused():
            for module in modules:
                import_module(f"chalicelib.{module}")
            for part in parts:
                try:
                    attrgetter(part)(container)
                except NotSetUp as error:
                    logger.warning("not set up yet", extra={"why": str(error)})


@contextmanager
def _garbage_collection_paused() -> Iterator[None]:
    """Look for no garbage meanwhile, nor later in what is there then.

    Objects made at the start live as long as the process; scanning them again and again takes
    a tenth of the start.
    """
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()
