"""How the runs of a chapter are named, in records and in the pipeline alike."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

PAGE = "page"
"""Run id of a chapter that has one run only."""


def run_id(values: Mapping[str, Any]) -> str:
    """The name of a run: `{"dataset": "M3", "seed": 0}` -> "dataset=M3,seed=0"; {} -> "page".

    Raises:
        ValueError: if a value cannot stand in a file name.
    """
    for name, value in values.items():
        if set("/\\,=") & set(str(value)):
            raise ValueError(f"{name}={value!r} tells runs apart, so it may not contain / \\ , =")
    return ",".join(f"{name}={value}" for name, value in values.items()) or PAGE
