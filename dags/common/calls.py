"""The one way a task calls the library: settings in, errors translated, progress logged, a small result out."""

from __future__ import annotations

import contextlib
import logging
import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from airflow.sdk import get_current_context
from airflow.sdk.exceptions import AirflowException, AirflowFailException
from airflow.sdk.log import mask_secret

from dags.common.params import settings_of
from dags.common.shares import Share
from dedup_pipeline.addresses import secrets_in
from dedup_pipeline.errors import DedupError, is_of_a_service

if TYPE_CHECKING:
    from dedup_pipeline.config import Settings
    from dedup_pipeline.store.manifests import StageResult

logger = logging.getLogger(__name__)

_EVERY_SECONDS = 10.0
_NOT_PASSED_ON = ("outputs", "key")  # the next task finds them in the store


@contextlib.contextmanager
def errors_for_airflow() -> Iterator[None]:
    """Let Airflow retry what may succeed later, and fail at once on what cannot.

    Worth a retry are the project's errors that say so, and what comes from outside: the operating system, the network,
    a service. A killed process is Airflow's own matter: it is retried.

    Raises:
        AirflowFailException: in place of every other error, with its sentence.
    """
    try:
        yield
    except AirflowException:
        raise
    except DedupError as error:
        if error.retryable:
            raise
        raise AirflowFailException(str(error)) from error
    except (OSError, MemoryError):
        raise
    except Exception as error:
        if is_of_a_service(error):
            raise
        raise AirflowFailException(f"unexpected {type(error).__name__}: {error}; the traceback is above") from error


def run_settings() -> Settings:
    """The settings of the run that the current task belongs to.

    Raises:
        AirflowFailException: a value does not fit.
    """
    with errors_for_airflow():
        settings = settings_of(get_current_context()["params"])
    for secret in secrets_in(settings.model_dump_json()):
        mask_secret(secret)  # the traceback of an error may hold addresses as a library was given them
    return settings


def call(stage: Callable[..., StageResult], *arguments: Any, **named: Any) -> dict[str, Any]:
    """Call a stage of the library.

    Args:
        stage: the function; it must take ``progress``.
        *arguments: passed on.
        **named: passed on.

    Returns:
        The result's small parts: stage, dump_id, counts, seconds, reused.

    Raises:
        AirflowFailException: a final error.
        DedupError: an error worth a retry.
    """
    with errors_for_airflow():
        result = stage(*arguments, progress=_Log(), **named)
    logger.info("%s: %s", result.stage, "done before" if result.reused else f"{result.seconds} s")
    for name, value in result.counts.items():
        logger.info("  %s: %s", name.replace("_", " "), value)
    return {name: value for name, value in result.to_dict().items() if name not in _NOT_PASSED_ON}


def labelled(share: dict[str, Any]) -> Share:
    """A mapped task's share; the task is shown under its label."""
    some = Share(**share)
    get_current_context()["label"] = some.label  # type: ignore[typeddict-unknown-key]
    return some


class _Log:
    """Logs the progress of a stage every now and then."""

    def __init__(self) -> None:
        self._next = time.monotonic() + _EVERY_SECONDS

    def __call__(self, done: int, of: int) -> None:
        if time.monotonic() >= self._next:
            logger.info("%d of %d", done, of)
            self._next = time.monotonic() + _EVERY_SECONDS
