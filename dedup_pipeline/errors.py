"""The exceptions of the project: what went wrong, where, and what to do about it.

* DedupError
  x InputError              the dump, a picture or an argument is not usable
    * SettingsError         a setting is unknown or has a bad value
  x NotReadyError           a stage was called before the stage it reads from
  x ModelError              a model is missing, or does not fit what it is asked for
  x FetchError              too many images of a dump could not be fetched (retryable)
  x StoreError              the store could not be read or written (retryable)
    x DamagedError          a file of the store is not what was written
  x ResourceError           this machine lacks memory or processes for the work (retryable)
  x StackError              the local stack, or a run in it, failed
  x TrackingError           MLflow could not be reached, or failed (retryable)

Each class says whether trying again can help: a workflow retries only where ``retryable`` is true.
"""

from __future__ import annotations

from dedup_pipeline.addresses import showable


class DedupError(Exception):
    """Any error that the project raises on purpose; its text is one sentence for a person, without secrets."""

    retryable: bool = False

    def __init__(self, message: object = "") -> None:
        super().__init__(showable(str(message)))


class InputError(DedupError):
    """What a person handed in cannot be used."""


class SettingsError(InputError):
    """A setting is unknown or its value is out of range."""


class NotReadyError(DedupError):
    """A stage needs the result of an earlier stage that is not in the store yet."""


class ModelError(DedupError):
    """A model cannot be found or does not fit the request."""


class FetchError(DedupError):
    """More images failed than ``fetch.max_failure_ratio`` allows."""

    retryable = True


class StoreError(DedupError):
    """Reading from or writing to the store failed."""

    retryable = True


class DamagedError(StoreError):
    """A file of the store is not what was written there; trying again finds it so again."""

    retryable = False


class TrackingError(DedupError):
    """MLflow is away, overloaded or failing; what was asked of it may be right."""

    retryable = True


class ResourceError(DedupError):
    """This machine lacks memory or processes just now; it says nothing about what was worked on."""

    retryable = True


class StackError(DedupError):
    """The local stack could not be started, lost a service, or a run in it failed."""


_SERVICES = ("aiobotocore", "aiohttp", "botocore", "mlflow", "requests", "sqlalchemy", "urllib3")


def is_of_a_service(error: Exception) -> bool:
    """Whether an error is one that the client of a service raised: object storage, MLflow or a database may be away."""
    return type(error).__module__.partition(".")[0] in _SERVICES
