"""What MLflow raises, as errors of the project: is it away, or does it refuse?"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import requests
from mlflow.exceptions import MlflowException
from sqlalchemy.exc import OperationalError

from dedup_pipeline.addresses import showable
from dedup_pipeline.errors import DedupError, ModelError, SettingsError, TrackingError

_PASSING = (408, 409, 429)  # besides 5xx: HTTP statuses that another try may not meet
_REASON_CHARS = 300


@contextlib.contextmanager
def reaching(uri: str) -> Iterator[None]:
    """Turn what MLflow raises in the block into errors of the project.

    Args:
        uri: MLflow's tracking URI, for the message; a password in it is left out.

    Raises:
        TrackingError: MLflow is away, overloaded or failing.
        SettingsError: it refuses access.
        ModelError: it refuses what it was asked for.
    """
    try:
        yield
    except MlflowException as error:
        status: int = error.get_http_status_code()  # type: ignore[no-untyped-call] # as MLflow left it
        raise _judged(uri, status, error) from error
    except requests.RequestException as error:  # the files of runs travel without MLflow's own wrapping
        raise _judged(uri, 503 if error.response is None else error.response.status_code, error) from error
    except OperationalError as error:  # a database that cannot be connected to
        raise _judged(uri, 503, error) from error


def _judged(uri: str, status: int, error: Exception) -> DedupError:
    lines = str(error).splitlines() or [type(error).__name__]
    where, reason = (showable(text) for text in (uri, lines[0][:_REASON_CHARS]))
    if status >= 500 or status in _PASSING:
        return TrackingError(f"MLflow at {where} does not answer as it should ({reason}): try again when it is back")
    if status in (401, 403):
        return SettingsError(f"MLflow at {where} refuses access ({reason}): check tracking.uri and its credentials")
    return ModelError(f"MLflow at {where} refuses a request ({reason}): check that it is the server you mean")
