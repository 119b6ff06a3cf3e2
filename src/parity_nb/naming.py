"""Names: of the runs of a chapter, and of what a parameter may choose."""

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


def choose(parameter: str, value: str, table: Mapping[str, Any]) -> Any:
    """The entry of `table` that a chapter's parameter names.

    Raises:
        ValueError: for a name that is not in the table, listing those that are.
    """
    if value not in table:
        raise ValueError(f"{parameter} = {value!r} is none of: {', '.join(table)}")
    return table[value]
