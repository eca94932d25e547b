"""From a catalog dump to its duplicates.

One run is one dump, known by its date: the run's partition key. Every task is one stage of the library, can be cleared
alone, and does nothing when its work is done already.

**Trigger** it with the id of a dump, a file, both or nothing (the newest dump). **Backfill** takes the dumps from the
first date to the last, both included. The duplicates lie in the store under `exports/<dump>/`; the model's run opens
from the button *MLflow run* of the task `train`, the run over the dump from that of `record`.
"""

from __future__ import annotations

from typing import Any, TypeAlias, TypeVar

from airflow.sdk import Asset, CronPartitionTimetable, dag, task

from dags.common.calls import call, errors_for_airflow, labelled, run_settings
from dags.common.operators import FindDump, MlflowOperator
from dags.common.params import APPROVAL_FIELD, DEDUP_FIELDS, dump_fields, setting_fields
from dags.common.policies import policy
from dags.common.promotion import promotion
from dags.common.shares import divide
from dags.common.training import caller, close_run, train
from dedup_pipeline.addresses import with_secrets_of
from dedup_pipeline.config import Settings, load_settings

T = TypeVar("T", str, int)
DumpRef: TypeAlias = Any  # a dict with dump_id and catalog in a task, a reference to it where tasks are wired

CATALOG_DUPLICATES = Asset("catalog_duplicates", uri="dedup://catalog/duplicates")


@task(**policy("ingest"))
def ingest(dump: DumpRef) -> dict[str, Any]:
    """Read the dump: listings, families, and rejects with the reason of each."""
    from dedup_pipeline.stages.ingest import check_inside, ingest

    settings = run_settings()
    catalog = with_secrets_of(dump["catalog"], settings.ingest.dumps)
    with errors_for_airflow():
        check_inside(settings.ingest, catalog)  # it may have come, or been replaced, after find_dump looked
    return call(ingest, settings, dump["dump_id"], catalog)


@task(**policy("plan"))
def plan_fetch(dump: DumpRef) -> list[dict[str, Any]]:
    """Plan which photos must be fetched, in which packs; shares of these for the next task."""
    from dedup_pipeline.stages.fetch import plan_fetch, planned_packs
    from dedup_pipeline.store import Store

    settings = run_settings()
    with errors_for_airflow():
        wanted = plan_fetch(settings, dump["dump_id"])
        packs = planned_packs(Store(settings.store), dump["dump_id"])
    return _divided(settings, packs, wanted, "pack")


@task(map_index_template="{{ label }}", **policy("fetch"))
def fetch(dump: DumpRef, share: dict[str, Any]) -> dict[str, int]:
    """Fetch the packs of one share; what is fetched already is not fetched again."""
    from dedup_pipeline.stages.fetch import fetch_pack, planned_packs
    from dedup_pipeline.store import Store

    settings, some = run_settings(), labelled(share)
    with errors_for_airflow():
        packs = some.of(planned_packs(Store(settings.store), dump["dump_id"]))
    results = [call(fetch_pack, settings, dump["dump_id"], pack_id) for pack_id in packs]
    return {name: sum(result["counts"][name] for result in results) for name in ("photos", "ok", "failed")}


@task(trigger_rule="none_failed_min_one_success", **policy("fetch"))
def finish_fetch(dump: DumpRef) -> dict[str, Any]:
    """Find the image of every photo; fails when more photos failed than allowed, and a retry fetches those again."""
    from dedup_pipeline.stages.fetch import fetch

    return call(fetch, run_settings(), dump["dump_id"])


@task(**policy("plan"))
def plan_fingerprint(dump: DumpRef) -> list[dict[str, Any]]:
    """Find the packs that have no fingerprints yet; shares of these for the next task."""
    from dedup_pipeline.stages.fingerprint import unfinished_packs

    return _shares(dump["dump_id"], unfinished_packs)


@task(map_index_template="{{ label }}", **policy("fingerprint"))
def fingerprint(dump: DumpRef, share: dict[str, Any]) -> dict[str, int]:
    """Fingerprint the packs of one share: digests, perceptual hashes, colours."""
    from dedup_pipeline.stages.fingerprint import fingerprint

    return _each_pack(fingerprint, dump["dump_id"], share)


@task(trigger_rule="none_failed_min_one_success", **policy("fingerprint"))
def finish_fingerprint(dump: DumpRef) -> dict[str, Any]:
    """Make sure that every pack of the dump has fingerprints."""
    from dedup_pipeline.stages.fingerprint import fingerprint

    return call(fingerprint, run_settings(), dump["dump_id"])


@task(**policy("plan"))
def plan_embed(dump: DumpRef) -> list[dict[str, Any]]:
    """Find the packs that the dump's model has not embedded yet; shares of these for the next task."""
    from dedup_pipeline.stages.embed import unfinished_packs

    return _shares(dump["dump_id"], unfinished_packs)


@task(map_index_template="{{ label }}", **policy("embed"))
def embed(dump: DumpRef, share: dict[str, Any]) -> dict[str, int]:
    """Compute the embeddings of the packs of one share."""
    from dedup_pipeline.stages.embed import embed

    return _each_pack(embed, dump["dump_id"], share)


@task(trigger_rule="none_failed_min_one_success", **policy("embed"))
def finish_embed(dump: DumpRef) -> dict[str, Any]:
    """Make sure that every pack of the dump is embedded."""
    from dedup_pipeline.stages.embed import embed

    return call(embed, run_settings(), dump["dump_id"])


@task(**policy("index"))
def plan_index(dump: DumpRef) -> list[dict[str, Any]]:
    """Number the dump's distinct vectors and divide them into parts; shares of these for the next two tasks."""
    from dedup_pipeline.stages.index import plan_index

    settings = run_settings()
    with errors_for_airflow():
        parts = plan_index(settings, dump["dump_id"])
    return _divided(settings, parts, parts, "part")


@task(map_index_template="{{ label }}", **policy("index"))
def index(dump: DumpRef, share: dict[str, Any]) -> dict[str, int]:
    """Build the index files of the parts of one share."""
    from dedup_pipeline.stages.index import index_part

    return _each_part(index_part, dump["dump_id"], share, "vectors")


@task(map_index_template="{{ label }}", **policy("index"))
def neighbours(dump: DumpRef, share: dict[str, Any]) -> dict[str, int]:
    """Find the neighbours of the vectors of one share's parts, in the files of all parts."""
    from dedup_pipeline.stages.index import neighbours_part

    return _each_part(neighbours_part, dump["dump_id"], share, "vectors")


@task(**policy("index"))
def finish_index(dump: DumpRef) -> dict[str, Any]:
    """Put the parts together, and measure the recall of the index against exact search."""
    from dedup_pipeline.stages.index import index

    return call(index, run_settings(), dump["dump_id"])


@task(**policy("match"))
def plan_match(dump: DumpRef) -> list[dict[str, Any]]:
    """Calibrate the verdicts on the dump's photos, or as an earlier dump was; shares of its parts for the next task."""
    from dedup_pipeline.stages.match import plan_match

    settings = run_settings()
    with errors_for_airflow():
        parts = plan_match(settings, dump["dump_id"])
    return _divided(settings, parts, parts, "part")


@task(map_index_template="{{ label }}", **policy("match"))
def match(dump: DumpRef, share: dict[str, Any]) -> dict[str, int]:
    """Find the candidates of the parts of one share, with their evidence."""
    from dedup_pipeline.stages.match import match_part

    return _each_part(match_part, dump["dump_id"], share, "candidates")


@task(**policy("match"))
def finish_match(dump: DumpRef) -> dict[str, Any]:
    """Put the parts together: probabilities, and the threshold for the precision that is asked for."""
    from dedup_pipeline.stages.match import match

    return call(match, run_settings(), dump["dump_id"])


@task(**policy("group"))
def group(dump: DumpRef) -> dict[str, Any]:
    """Put listings that are one product into groups, each with one canonical listing."""
    from dedup_pipeline.stages.group import group

    return call(group, run_settings(), dump["dump_id"])


@task(outlets=[CATALOG_DUPLICATES], **policy("export"))
def export(dump: DumpRef, *, outlet_events: Any = None) -> dict[str, Any]:
    """Write duplicates.json, the pairs and the summary; publish the asset `catalog_duplicates`."""
    from dedup_pipeline.stages.export import export
    from dedup_pipeline.store import Store
    from dedup_pipeline.store.manifests import result_of

    settings = run_settings()
    result = call(export, settings, dump["dump_id"])
    store = Store(settings.store)
    outputs = result_of(store, dump["dump_id"], "export").outputs
    result["files"] = {name: store.url(path) for name, path in outputs.items()}
    outlet_events[CATALOG_DUPLICATES].extra = {"dump_id": dump["dump_id"], **result["files"]}
    return result


def _record(dump: DumpRef) -> dict[str, Any]:
    from dedup_pipeline.stages.record import record

    return call(record, run_settings(), dump["dump_id"], caller=caller())


def _train(dump: DumpRef) -> dict[str, Any]:
    from training.stage import train as settle

    return train(settle, dump["dump_id"])


def _shares(dump_id: str, unfinished_packs: Any) -> list[dict[str, Any]]:
    """Divide the packs of a dump that a stage has not done yet."""
    from dedup_pipeline.store import Store
    from dedup_pipeline.store.packs import pack_ids

    settings = run_settings()
    with errors_for_airflow():
        packs, wanted = pack_ids(Store(settings.store), dump_id), unfinished_packs(settings, dump_id)
    return _divided(settings, packs, wanted, "pack")


def _divided(settings: Settings, everything: list[T], wanted: list[T], noun: str) -> list[dict[str, Any]]:
    """What is still to be done, in shares that a task can be mapped over."""
    shares = divide(everything, wanted, settings.workflow.max_mapped_tasks, noun)
    return [share.to_dict() for share in shares]


def _each_pack(stage: Any, dump_id: str, share: dict[str, Any]) -> dict[str, int]:
    """Call a stage for each pack of a share."""
    from dedup_pipeline.store import Store
    from dedup_pipeline.store.packs import pack_ids

    settings, some = run_settings(), labelled(share)
    with errors_for_airflow():
        packs = some.of(pack_ids(Store(settings.store), dump_id))
    results = [call(stage, settings, dump_id, pack_id) for pack_id in packs]
    return {name: sum(result["counts"][name] for result in results) for name in ("images", "undecodable")}


def _each_part(stage: Any, dump_id: str, share: dict[str, Any], counted: str) -> dict[str, int]:
    """Call a stage for each part of a share, and add up a count."""
    settings, some = run_settings(), labelled(share)
    with errors_for_airflow():
        results = [stage(settings, dump_id, part) for part in range(some.first, some.last)]
    return {counted: sum(int(str(result.counts[counted])) for result in results)}


def _mapped(decorated: Any) -> Any:
    """Give a task that will be mapped its docstring as documentation, as Airflow does for others."""
    return decorated.override(doc_md=decorated.function.__doc__)


@dag(
    dag_id="catalog_dedup",
    schedule=CronPartitionTimetable(load_settings().workflow.schedule, timezone="UTC", key_format="%Y-%m-%d"),
    catchup=False,
    max_active_runs=4,
    params={**dump_fields(), **setting_fields(DEDUP_FIELDS), **setting_fields(APPROVAL_FIELD)},
    doc_md=__doc__,
    tags=["dedup"],
    default_args={"owner": "catalog"},
    on_failure_callback=close_run,
)
def catalog_dedup() -> None:
    """The stages in walking order."""
    # No task takes the results of a mapped one: when a stage is cleared and its plan has become shorter, Airflow sets
    # the old instances beyond it to 'removed' and hands their results on all the same. What follows reads the store.
    dump = FindDump(task_id="find_dump", doc_md=FindDump.__doc__, **policy("find_dump"))
    one = {"dump": dump.output}
    read = ingest(**one)
    planned = plan_fetch(**one)
    fetched = finish_fetch(**one)
    read >> planned
    [planned, _mapped(fetch).partial(**one).expand(share=planned)] >> fetched
    to_fingerprint = plan_fingerprint(**one)
    fingerprinted = finish_fingerprint(**one)
    fetched >> to_fingerprint
    [to_fingerprint, _mapped(fingerprint).partial(**one).expand(share=to_fingerprint)] >> fingerprinted
    trained = MlflowOperator(
        task_id="train",
        python_callable=_train,
        op_kwargs=one,
        doc_md="Choose the model for the dump: the champion, a version, or a new one that is trained now.",
        on_failure_callback=close_run,
        **policy("train"),
    )
    to_embed = plan_embed(**one)
    embedded = finish_embed(**one)
    fingerprinted >> trained >> to_embed
    [to_embed, _mapped(embed).partial(**one).expand(share=to_embed)] >> embedded
    to_index = plan_index(**one)
    indexed = finish_index(**one)
    built = _mapped(index).partial(**one).expand(share=to_index)
    embedded >> to_index
    built >> _mapped(neighbours).partial(**one).expand(share=to_index) >> indexed
    parts = plan_match(**one)
    matched = finish_match(**one)
    indexed >> parts
    _mapped(match).partial(**one).expand(share=parts) >> matched
    recorded = MlflowOperator(
        task_id="record",
        python_callable=_record,
        op_kwargs=one,
        doc_md="Log the run over the dump in MLflow: counts, seconds, the recall of the index, where the exports lie.",
        on_failure_callback=close_run,
        **policy("record"),
    )
    matched >> group(**one) >> export(**one) >> recorded
    promotion(trained)


catalog_dedup()
