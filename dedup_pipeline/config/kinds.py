"""The kinds of values that settings have beside numbers and texts: how they come as text, and what is refused."""

from __future__ import annotations

import posixpath
import re
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator
from pydantic_settings import NoDecode

_BACKBONE = r"[A-Za-z0-9_]+(\.[A-Za-z0-9_]+)?"  # an architecture and perhaps its weights; never a place
_MODEL = r"auto|champion|train|[0-9]+"
_NAME_CHARS = 256  # what MLflow's tables hold


def _split(value: object) -> object:
    """Let ``a,b`` stand for ``["a", "b"]`` where a setting comes as text."""
    if isinstance(value, str):
        return tuple(item.strip() for item in value.split(",") if item.strip())
    return value


def _pairs(value: object) -> object:
    """Let ``id=sku,image=photo`` stand for a mapping where a setting comes as text."""
    if isinstance(value, str):
        return dict(item.split("=", 1) for item in value.split(",") if "=" in item)
    return value


def _ascending(band: tuple[float, float]) -> tuple[float, float]:
    low, high = band
    if not 0 <= low < high <= 1:
        raise ValueError("write the lower probability first, both between 0 and 1, such as 0.1,0.9")
    return band


def _own_folder(dumps: str) -> str:
    """Refuse a place of dumps whose folder is no one's own: whoever may start a run may name any file in it."""
    before, place, _ = dumps.partition("{dump_id}")
    if not place:
        raise ValueError("it has no {dump_id} in it: write for example dumps/{dump_id}.csv")
    folder = posixpath.dirname(before.rpartition(":")[2].removeprefix("//"))  # a scheme before it is no part of it
    if not posixpath.normpath(folder).strip("./~"):
        raise ValueError(
            "it opens the root, the working folder or the home to everyone who may start a run: give the dumps a "
            "folder of their own, such as dumps/{dump_id}.csv"
        )
    return dumps


def _backbone(name: str) -> str:
    """Let no name through by which timm would load what is not its own; which names it has is told by the training."""
    if not re.fullmatch(_BACKBONE, name):
        raise ValueError("name an architecture of timm, such as tf_efficientnet_lite0 or resnet50.a1_in1k")
    return name


def _which_model(text: str) -> str:
    if not re.fullmatch(_MODEL, text):
        raise ValueError("write auto, champion, train or the number of a version")
    return text


def _experiment(name: str) -> str:
    if not name.strip() or len(name) > _NAME_CHARS:
        raise ValueError(f"MLflow takes names of 1 to {_NAME_CHARS} characters")
    return name


def _model_name(name: str) -> str:
    if "/" in name or ":" in name or name == "." or name.startswith(".."):
        raise ValueError("MLflow takes no model name with '/' or ':' in it, and neither '.' nor what begins with '..'")
    return _experiment(name)


Words = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_split)]
Band = Annotated[tuple[float, float], NoDecode, BeforeValidator(_split), AfterValidator(_ascending)]
DumpsPattern = Annotated[str, AfterValidator(_own_folder)]
Backbone = Annotated[str, AfterValidator(_backbone)]
WhichModel = Annotated[str, AfterValidator(_which_model)]
ExperimentName = Annotated[str, AfterValidator(_experiment)]
ModelName = Annotated[str, AfterValidator(_model_name)]
Mapped = Annotated[dict[str, str], NoDecode, BeforeValidator(_pairs)]
