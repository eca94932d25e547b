"""The names of all settings, for flags, the environment and the reference."""

from __future__ import annotations

from typing import Literal, get_args, get_origin

from dedup_pipeline.config.sections import Section
from dedup_pipeline.config.settings import Settings


def setting_names() -> dict[str, tuple[str, object, str]]:
    """Every setting by its dotted name: (type, default, description)."""
    names: dict[str, tuple[str, object, str]] = {}
    for name, field in Settings.model_fields.items():
        kind = field.annotation
        if isinstance(kind, type) and issubclass(kind, Section):
            for inner, leaf in kind.model_fields.items():
                names[f"{name}.{inner}"] = (
                    _type_text(leaf.annotation),
                    leaf.get_default(call_default_factory=True),
                    leaf.description or "",
                )
        else:
            names[name] = (_type_text(kind), field.default, field.description or "")
    return names


def _type_text(annotation: object) -> str:
    """Name a type the way the reference shows it."""
    if get_origin(annotation) is Literal:
        return " | ".join(f"`{choice}`" for choice in get_args(annotation))
    if annotation == tuple[str, ...]:
        return "list"
    if annotation == tuple[float, float]:
        return "two numbers"
    if annotation == dict[str, str]:
        return "mapping"
    return getattr(annotation, "__name__", str(annotation))
