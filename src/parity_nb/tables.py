"""Tables of results, built from records and from published numbers and from nothing else.

The same function fills the tables of the site, through `parity_nb.making.sphinxext`, and those of
README.md, through `parity-nb readme`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase

import numpy as np
import pandas as pd

from parity_nb.records import format_number, load_records, published

NOT_RUN = "not yet run"
"""What a page says where a record is missing."""

COMPARED = ("theirs", "theirs_error", "place", "difference", "difference_error")
"""Columns that a published source adds to a table."""

BLOCK = re.compile(r"<!-- records (.*?)\n(.*?)-->\n.*?<!-- /records -->", re.DOTALL)
"""A table in README.md: the chapter and options as comment, then the table, then the end mark."""


def all_positive_bound(n: float) -> float:
    """Lower end of the one-sided 84 % interval of a fraction of which all n values are positive."""
    return 0.16 ** (1 / n)


def percent(value: float, error: float, n: float = 0, digits: int = 2) -> str:
    """A fraction and its error in per cent, such as `49.44 ± 0.71`; empty if one is not known.

    The binomial error of n values that are all positive is zero, which is no error at all: then
    `all_positive_bound` stands in its place, if n is given.
    """
    if pd.isna(value) or pd.isna(error):
        return ""
    if error == 0 and n:
        return f"{100 * value:.{digits}f} (> {100 * all_positive_bound(n):.{digits}f})"
    return f"{100 * value:.{digits}f} ± {100 * error:.{digits}f}"


def summarise(
    records: pd.DataFrame, name: str, by: Sequence[str], theirs: pd.DataFrame | None = None
) -> pd.DataFrame:
    """One row for each combination of the parameters `by`, over whatever else differs.

    Args:
        records: from `load_records`, selected as wanted.
        name: the number's name.
        by: parameters; what is left, such as the random seed, is averaged over.
        theirs: from `published`; matched where our name of it equals the `by` values joined by
            spaces, for example "M3 S".  Numbers in per cent are turned into fractions.

    Returns:
        The parameters, then value (mean over runs), error (binomial, of one run: root mean
        square), spread (standard deviation over runs, none for one run), runs and n (items in
        each run, the smallest); with `theirs` also theirs, theirs_error, place, difference and
        difference_error, in which all three errors are added in quadrature.

    Raises:
        KeyError: if a parameter of `by` is not among the records' columns.
    """
    by = list(by)
    columns = [*by, "value", "error", "spread", "runs", "n"]
    chosen = records[records["name"] == name]
    if len(chosen) == 0:
        return pd.DataFrame(columns=columns if theirs is None else [*columns, *COMPARED])
    if unknown := [column for column in by if column not in chosen.columns]:
        raise KeyError(f"no parameter {unknown} in these records; they have {list(chosen.columns)}")
    rows = []
    for values, group in chosen.groupby(by, sort=False):
        ours = group["value"].astype(float)
        error = np.sqrt(np.mean(group["error"].astype(float) ** 2))
        rows.append([*values, ours.mean(), error, ours.std(ddof=1), len(ours), group["n"].min()])
    table = pd.DataFrame(rows, columns=columns)
    return table if theirs is None else _compare(table, by, theirs)


def beside_published(rows: pd.DataFrame, by: Sequence[str]) -> pd.DataFrame:
    """A summary of fractions, made with `theirs`, as text in per cent, indexed by `by`."""
    columns = {
        "published": map(percent, rows.theirs, rows.theirs_error),
        "ours": map(percent, rows.value, rows.error, rows.n),
        "spread": [f"{100 * s:.2f}" if s == s else "" for s in rows.spread],
        "seeds": rows.runs,
        "test images": rows.n.astype(int),
        "difference": map(percent, rows.difference, rows.difference_error),
    }
    text = {name: list(column) for name, column in columns.items()}
    return pd.DataFrame({**rows[list(by)].to_dict("list"), **text}).set_index(list(by))


def _compare(table: pd.DataFrame, by: list[str], theirs: pd.DataFrame) -> pd.DataFrame:
    scale = np.where(theirs["unit"] == "%", 0.01, 1.0)
    other = pd.DataFrame(
        {
            "key": theirs.get("ours", theirs["name"]),
            "theirs": theirs["value"].astype(float) * scale,
            "theirs_error": theirs["error"].astype(float) * scale,
            "place": theirs["place"],
        }
    )
    key = table[by].astype(str).agg(" ".join, axis=1)
    table = table.assign(key=key).merge(other, on="key", how="left").drop(columns="key")
    errors = table[["error", "spread", "theirs_error"]].astype(float).fillna(0)
    return table.assign(
        difference=table["value"] - table["theirs"],
        difference_error=np.sqrt((errors**2).sum(axis=1)),
    )


def select(records: pd.DataFrame, wanted: Mapping[str, str]) -> pd.DataFrame:
    """Records whose parameters have the wanted values, compared as text; M* is all with an M first.

    Raises:
        KeyError: if a parameter is not among the records' columns.
    """
    for name, value in wanted.items():
        if name not in records.columns:
            raise KeyError(f"no parameter {name!r} in these records; they have {list(records)}")
        records = records[[fnmatchcase(str(v), value) for v in records[name]]]
    return records


def results_table(
    chapter: str,
    name: str,
    by: Sequence[str],
    wanted: Mapping[str, str] | None = None,
    where: str = "study",
    source: str | None = None,
    percent: bool = False,
) -> str:
    """A Markdown table of one number of a chapter.

    Args:
        chapter: whose records are read, such as "snails/training".
        name: the number's name; with one * in it, all numbers that it fits, and a column for what
            the * stands for.
        by: parameters that make the rows.
        wanted: a selection, parameter to value.
        where: "study" or "run", as in `load_records`.
        source: citation key of a published source to compare with.
        percent: print fractions in per cent.

    Returns:
        Markdown; the words "not yet run" if there are no records.
    """
    records = load_records(chapter, where)
    if records.empty:
        return NOT_RUN
    theirs = None if source is None else published(source)
    records, parameters = select(records, wanted or {}), list(by)
    if "*" in name:
        start, _, end = name.partition("*")
        records = records[[fnmatchcase(found, name) for found in records["name"]]]
        number = [found.removeprefix(start).removesuffix(end) for found in records["name"]]
        records, by = records.assign(number=number, name=name), [*by, "number"]
    table = summarise(records, name, by, theirs).sort_values(parameters, kind="stable")
    return _markdown(table, list(by), percent) if len(table) else NOT_RUN


def _markdown(table: pd.DataFrame, by: list[str], percent: bool) -> str:
    scale, unit = (100, "%") if percent else (1, "")

    def text(row: pd.Series, value: str, error: str) -> str:
        if pd.isna(row[value]):
            return ""
        missing = pd.isna(row[error])
        if value == "value" and row["value"] == 1 and row["error"] == 0:
            # the binomial error vanishes: a bound instead
            return f"{scale:g} {unit} (> {scale * all_positive_bound(row['n']):.4g})".replace(
                "  ", " "
            )
        return format_number(row[value] * scale, None if missing else row[error] * scale, unit)

    def spread(row: pd.Series) -> str:
        return "" if pd.isna(row["spread"]) else f"{row['spread'] * scale:.2g} {unit}".strip()

    columns = {column: lambda row, c=column: str(row[c]) for column in by}
    columns["ours"] = lambda row: text(row, "value", "error")
    columns["spread over runs"] = spread
    columns["runs"] = lambda row: str(int(row["runs"]))
    columns["items a run"] = lambda row: "" if pd.isna(row["n"]) else f"{int(row['n']):,}"
    if "theirs" in table:
        columns["published"] = lambda row: text(row, "theirs", "theirs_error")
        columns["difference"] = lambda row: text(row, "difference", "difference_error")
    lines = ["| " + " | ".join(columns) + " |", "|" + " --- |" * len(columns)]
    for _, row in table.iterrows():
        lines.append("| " + " | ".join(make(row) for make in columns.values()) + " |")
    return "\n".join(lines)


def parse_pairs(text: str) -> dict[str, str]:
    """Words such as `recipe=fast seed=0` as {"recipe": "fast", "seed": "0"}.

    Raises:
        ValueError: if a word is not of the form name=value.
    """
    words = text.split()
    if wrong := [word for word in words if word.count("=") != 1]:
        raise ValueError(f"{wrong} in {text!r}: write name=value, separated by spaces")
    return dict(word.split("=") for word in words)


def table_from_options(chapter: str, options: Mapping[str, str | None]) -> str:
    """`results_table` for options written as text: name, by, select, where, published, percent.

    Raises:
        ValueError: for an option that is unknown, or missing.
    """
    known = {"name", "by", "select", "where", "published", "percent"}
    if unknown := set(options) - known:
        raise ValueError(f"table of {chapter}: unknown option {unknown}; known are {sorted(known)}")
    name, by = options.get("name"), (options.get("by") or "").split()
    if not name or not (by or "*" in name):
        raise ValueError(f"table of {chapter}: the options name and by are needed")
    return results_table(
        chapter,
        name=name,
        by=by,
        wanted=parse_pairs(options.get("select") or ""),
        where=options.get("where") or "study",
        source=options.get("published"),
        percent="percent" in options,
    )


def refill(text: str) -> str:
    """README text with each `<!-- records ... -->` block filled from the records."""

    def fill(block: re.Match) -> str:
        chapter, lines = block.group(1).strip(), block.group(2)
        pairs = (line.strip(":").partition(":") for line in lines.split("\n") if line.strip())
        options = {name: value.strip() for name, _, value in pairs}
        table = table_from_options(chapter, options)
        return f"<!-- records {chapter}\n{lines}-->\n\n{table}\n\n<!-- /records -->"

    return BLOCK.sub(fill, text)


def number_text(reference: str) -> str:
    """One number as a sentence has it.

    Args:
        reference: "chapter name=value ...: name of the number", with "run:" in front for this
            build's records and " %" at the end for per cent; several runs give their mean.

    Raises:
        ValueError: if the reference has not this form.
    """
    where = "study"
    if match := re.match(r"(run|study):\s*", reference):
        where, reference = match.group(1), reference[match.end() :]
    head, colon, name = reference.partition(":")
    words = head.split()
    if not colon or not words:
        raise ValueError(f"{reference!r}: write `chapter name=value ...: name of the number`")
    percent = name.rstrip().endswith("%")
    name = name.strip().removesuffix("%").strip()
    records = load_records(words[0], where)
    if records.empty:
        return NOT_RUN
    chosen = select(records, parse_pairs(" ".join(words[1:])))
    chosen = chosen[chosen["name"] == name]
    if chosen.empty:
        return NOT_RUN
    if not all(isinstance(value, (int, float)) for value in chosen["value"]):
        return ", ".join(sorted({str(value) for value in chosen["value"]}))
    scale = 100 if percent else 1
    error = np.sqrt(np.mean(chosen["error"].astype(float) ** 2)) * scale
    value = chosen["value"].astype(float).mean() * scale
    unit = "%" if percent else chosen["unit"].iloc[0]
    return format_number(value, None if np.isnan(error) else error, unit)
