"""The command line ``dedup``: the whole chain, each stage alone, and questions about single pictures."""

from __future__ import annotations

import logging
import os
import sys
from typing import Annotated

import typer

from dedup_pipeline.addresses import showable
from dedup_pipeline.cli import chain, measure, model, query, settings, stack
from dedup_pipeline.errors import DedupError, InputError, is_of_a_service
from dedup_pipeline.signals import Interrupted, interruptible

app = typer.Typer(
    help="Finds the same product under other ids in catalog dumps.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

COMMANDS = (
    chain.run,
    chain.ingest,
    chain.fetch,
    chain.fingerprint,
    chain.train,
    model.train_embedder,
    model.promote,
    chain.embed,
    chain.index,
    chain.match,
    chain.group,
    chain.export,
    chain.record,
    query.verify,
    query.lookup,
    measure.sample,
    measure.score,
    measure.evaluate,
    measure.plan,
    stack.demo,
    stack.up,
    stack.down,
    settings.settings,
)
for command in COMMANDS:
    app.command()(command)
app.command(context_settings={"allow_extra_args": True, "ignore_unknown_options": True, "help_option_names": []})(
    stack.airflow
)
_TRY_AGAIN = 3


def main() -> None:
    """Run the command line; every expected failure ends with one sentence and a status, as does a request to end."""
    try:
        with interruptible():
            app()
    except InputError as error:
        _fail(error, 2)
    except DedupError as error:
        _fail(error, _TRY_AGAIN if error.retryable else 2)
    except MemoryError:
        _fail("this machine has not the memory that was asked for: free some, or lower threads", _TRY_AGAIN)
    except Exception as error:
        if not is_of_a_service(error):
            raise
        logging.getLogger(__name__).info("the way to it", exc_info=True)
        _fail(showable(f"{type(error).__name__}: {error}"), _TRY_AGAIN)
    except Interrupted as request:
        typer.echo(f"dedup: {request}; running the same command again goes on from what is done", err=True)
        sys.exit(request.code)


def _fail(error: object, status: int) -> None:
    typer.echo(f"dedup: {error}", err=True)
    if status == _TRY_AGAIN:
        typer.echo("dedup: running the same command again goes on where this one stopped", err=True)
    sys.exit(status)


@app.callback()
def options(verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Log what happens.")] = False) -> None:
    """Finds the same product under other ids in catalog dumps."""
    logging.basicConfig(
        level=logging.INFO if verbose else logging.WARNING, format="%(levelname)s %(name)s: %(message)s"
    )
    if not verbose:  # both speak at level INFO and set their own level when they are imported
        os.environ.setdefault("MLFLOW_LOGGING_LEVEL", "WARNING")
        logging.getLogger("pytorch_lightning.utilities.rank_zero").setLevel(logging.WARNING)
