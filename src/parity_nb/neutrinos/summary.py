"""Numbers of several runs as one: means over random seeds, paired where seeds are common."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from parity_nb.neutrinos.scores import mean_difference, smallest_difference


@dataclass(frozen=True)
class Mean:
    """A mean over runs.

    Attributes:
        value: the mean.
        error: of the mean, from the scatter between runs, or from inside them if that is larger.
        seeds: number of runs.
        n: test events of one run.
    """

    value: float
    error: float
    seeds: int
    n: int

    def text(self, scale: float = 100, digits: int = 1) -> str:
        """The mean, its error, and the number of seeds in brackets; per cent by default."""
        value, error = scale * self.value, scale * self.error
        return f"{value:.{digits}f} ± {error:.{digits}f} ({self.seeds})"

    @property
    def least(self) -> float:
        """The difference that would have shown; infinite for one seed."""
        return smallest_difference(self.error, self.seeds) if self.seeds > 1 else float("inf")


def over_seeds(records: pd.DataFrame, name: str, **which: Any) -> Mean | None:
    """Mean of a number over runs.

    Args:
        records: from `load_records`.
        name: the number's name.
        which: parameters and their values, to choose runs.

    Returns:
        None if there is no such number.
    """
    rows = records[records["name"] == name]
    for key, value in which.items():
        rows = rows[rows[key] == value] if len(rows) else rows
    if rows.empty:
        return None
    errors = pd.to_numeric(rows["error"]).fillna(0.0)
    value, error = mean_difference(rows["value"].astype(float), errors)
    return Mean(value, error, len(rows), int(pd.to_numeric(rows["n"]).fillna(0).max()))


def seed_by_seed(
    records: pd.DataFrame, name: str, one: str, two: str, column: str = "network"
) -> Mean | None:
    """Mean over common random seeds of a number for one setting minus that for another.

    Runs of one seed have the same events, so the difference is free of what events have in common.

    Args:
        records: from `load_records`, at most one run for each setting and seed.
        name: the number's name.
        one: value of `column` whose number counts positive.
        two: value whose number is subtracted.
        column: the parameter.

    Returns:
        None for fewer than two common seeds.
    """
    rows = records[records["name"] == name]
    if rows.empty:
        return None
    pivot = rows.pivot_table(index="seed", columns=column, values="value", aggfunc="first")
    if not {one, two} <= set(pivot):
        return None
    difference = (pivot[one] - pivot[two]).dropna().astype(float)
    if len(difference) < 2:
        return None
    value, error = mean_difference(difference, np.zeros(len(difference)))
    return Mean(value, error, len(difference), int(pd.to_numeric(rows["n"]).fillna(0).max()))


def text(found: Mean | None, scale: float = 100, digits: int = 1) -> str:
    """`Mean.text`, or nothing."""
    return "" if found is None else found.text(scale, digits)


def widest(records: pd.DataFrame, begins: str) -> pd.DataFrame:
    """The runs that have the largest number of numbers whose names begin so.

    A sweep may hold complete runs and shorter ones; tables are made of the complete ones.
    """
    if records.empty:
        return records
    counts = records["name"].str.startswith(begins).groupby(records["file"]).transform("sum")
    return records[counts == counts.max()]


def commonest(records: pd.DataFrame, columns: list[str], within: str) -> pd.DataFrame:
    """Runs whose `columns` have the commonest combination for their value of `within`.

    A sweep may change one setting at a time about its own default; this is the default.
    """
    if records.empty:
        return records
    kept = []
    for _, group in records.groupby(within, sort=False):
        settings = group.drop_duplicates("file")[columns].value_counts()
        chosen = np.logical_and.reduce(
            [group[c] == v for c, v in zip(columns, settings.index[0], strict=True)]
        )
        kept.append(group[chosen])
    return pd.concat(kept)
