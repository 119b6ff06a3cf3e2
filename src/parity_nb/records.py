"""The numbers a chapter finds: written once as JSON, read by results chapters and tables.

A file holds one run of one chapter, `<folder>/<part>/<chapter>/<run id>.json`:

    {"chapter": "snails/training", "run": "dataset=M3,variant=S",
     "parameters": {"dataset": "M3", "variant": "S", "images": 24470},
     "numbers": [{"name": "positive fraction", "value": 0.99, "error": 0.01, "n": 100, "unit": ""}],
     "provenance": {...}}

Records of this build lie under `build_dir()/records`; those of the study are committed under
`book/records/study`.
"""

from __future__ import annotations

import hashlib
import json
import math
import platform
import subprocess
import sys
import time
import tomllib
from collections.abc import Iterable, Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import pandas as pd

from parity_nb.data import build_dir, project_root, run_id, written

NUMBER_COLUMNS = ("name", "value", "error", "n", "unit")


def records_dir(where: str = "run") -> Path:
    """The folder of records: "run" for this build, else a committed set such as "study".

    While a preset is built, its own records stand for the committed ones of that name.
    """
    if where in ("run", build_dir().name):
        return build_dir() / "records"
    return project_root() / "book/records" / where


def format_number(value: Any, error: float | None = None, unit: str = "") -> str:
    """Text of a number: the error with two significant digits, the value to the same place."""
    if error is not None and error > 0:
        digits = max(0, 1 - math.floor(math.log10(error)))
        text = f"{value:.{digits}f} ± {error:.{digits}f}"
    elif isinstance(value, float):
        text = f"{value:.4g}"
    else:
        text = str(value)
    return f"{text} {unit}" if unit else text


class Records:
    """Collects the numbers of one run of a chapter and writes them to one file.

    Args:
        chapter: the chapter's name, such as "snails/training".
        parameters: all parameters of the chapter with their values.
        run: names of the parameters that tell the runs of a swept chapter apart.

    Raises:
        ValueError: if `run` names something that is not a parameter.
    """

    def __init__(self, chapter: str, parameters: Mapping[str, Any], run: Iterable[str] = ()):
        self.chapter = chapter
        self.parameters = {name: _plain(value) for name, value in parameters.items()}
        if unknown := [name for name in run if name not in self.parameters]:
            raise ValueError(
                f"{chapter}: run={unknown} are not among its parameters {list(self.parameters)}"
            )
        self.run = run_id({name: self.parameters[name] for name in run})
        self.numbers: dict[str, dict[str, Any]] = {}

    @classmethod
    def of(cls, chapter: str, cell: Mapping[str, Any], run: Iterable[str] = ()) -> Records:
        """Records with the values that the chapter's parameters have now.

        Args:
            chapter: the chapter's name.
            cell: `globals()`; in a chapter only its parameters are annotated there.
            run: as for the class.

        Raises:
            ValueError: if nothing is annotated, or `run` names something else.
        """
        names = cell.get("__annotations__") or {}
        if not names:
            raise ValueError(f"{chapter}: no annotated parameters; pass globals() after their cell")
        return cls(chapter, {name: cell[name] for name in names}, run)

    def record(
        self,
        name: str,
        value: float | int | str | bool,
        error: float | None = None,
        n: int | None = None,
        unit: str = "",
    ) -> None:
        """Keep one number under its name and print it.

        Args:
            name: what it is; recording a name again replaces its value.
            value: a number, a word or a truth value.
            error: its standard deviation, in the same unit.
            n: how many independent items it was found from.
            unit: its unit; none for a fraction.

        Raises:
            ValueError: if the value or its error is not finite.
        """
        value, error, n = _plain(value), _plain(error), _plain(n)
        for part, number in (("value", value), ("error", error)):
            if isinstance(number, float) and not math.isfinite(number):
                raise ValueError(
                    f"{self.chapter}: the {part} of {name!r} is {number}; only finite numbers "
                    "are recorded, so find out where it comes from"
                )
        self.numbers[name] = {"name": name, "value": value, "error": error, "n": n, "unit": unit}
        count = "" if n is None else f" (n = {n})"
        print(f"{name} = {format_number(value, error, unit)}{count}")

    def save(self) -> Path:
        """Write the file and return its path; an interrupted call leaves the old file whole."""
        path = records_dir() / self.chapter / f"{self.run}.json"
        content = {
            "chapter": self.chapter,
            "run": self.run,
            "parameters": self.parameters,
            "numbers": list(self.numbers.values()),
            "provenance": _provenance(),
        }
        with written(path) as part:
            text = json.dumps(content, indent=1, ensure_ascii=False)
            part.write_text(text + "\n", encoding="utf-8")
        return path


def load_records(chapter: str, where: str = "run") -> pd.DataFrame:
    """All numbers of a chapter's runs, one row a number.

    Args:
        chapter: such as "snails/training".
        where: "run" reads this build, "study" what is committed under book/records/study.

    Returns:
        The chapter's parameters as columns, then name, value, error, n, unit and file;
        empty if the chapter has not been run.

    Raises:
        ValueError: if a file is not a record; the message names it.
    """
    rows = []
    for path in sorted((records_dir(where) / chapter).glob("*.json")):
        record = read_record(path)
        for number in record["numbers"]:
            rows.append({**record["parameters"], **number, "file": str(path)})
    return pd.DataFrame(rows) if rows else pd.DataFrame(columns=[*NUMBER_COLUMNS, "file"])


def load_evidence(chapter: str, evidence: str) -> pd.DataFrame:
    """Records for a page of results: the study's or, where it has none, this build's.

    Prints when small runs of this build stand in for a study that has not been made.

    Args:
        chapter: such as "snails/training".
        evidence: "study", or "run" for this build in any case.

    Returns:
        As `load_records`; `attrs["evidence"]` says which they are, "study" or "run".

    Raises:
        ValueError: for another word, or if a file is not a record.
    """
    if evidence not in ("study", "run"):
        raise ValueError(f'evidence = {evidence!r} is neither "study" nor "run"')
    found = load_records(chapter, evidence)
    if evidence == "study" and found.empty:
        evidence, found = "run", load_records(chapter, "run")
        print(f"no study of {chapter} yet; shown are small runs of this build, which prove nothing")
    found.attrs["evidence"] = evidence
    return found


def read_record(path: Path) -> dict[str, Any]:
    """One record file.

    Raises:
        ValueError: if it is not JSON or lacks a key.
    """
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
    except json.JSONDecodeError as error:
        raise ValueError(f"{path} is not a record: {error}; delete it and run again") from None
    missing = {"chapter", "run", "parameters", "numbers"} - set(record)
    if missing:
        raise ValueError(f"{path} is not a record: it lacks {sorted(missing)}")
    return record


def published(source: str) -> pd.DataFrame:
    """The numbers of a published source that the book compares with, from book/published.toml.

    Args:
        source: a citation key, such as "gibbon2023snails".

    Returns:
        One row a number: name, value, error, n, unit, place, and ours, what we call it where
        that differs from its name.

    Raises:
        KeyError: for a source that the file does not have, naming those it has.
    """
    path = project_root() / "book/published.toml"
    sources = tomllib.loads(path.read_text(encoding="utf-8"))
    if source not in sources:
        raise KeyError(f"{path} has no source {source!r}; it has {sorted(sources)}")
    numbers = [{"ours": number["name"], **number} for number in sources[source]["numbers"]]
    return pd.DataFrame(numbers, columns=[*NUMBER_COLUMNS, "place", "ours"])


def provenance() -> dict[str, Any]:
    """Print and return what made this run: commit, package, versions, device, time, memory."""
    facts = _provenance()
    for name, value in facts.items():
        print(f"{name:>14}  {value}")
    return facts


def _provenance() -> dict[str, Any]:
    import psutil
    import torch

    peak = _peak_memory()
    return {
        "commit": _commit(),
        "package": _package_hash(),
        "python": platform.python_version(),
        **{name: _version(name) for name in ("torch", "torchvision", "numpy", "pyvista", "vtk")},
        "device": _device(),
        "threads": torch.get_num_threads(),
        "wall time (s)": round(time.time() - psutil.Process().create_time(), 1),
        "memory (MB)": round(peak / 2**20),
    }


def _commit() -> str:
    def git(*words: str) -> str:
        return subprocess.run(
            ["git", *words], cwd=project_root(), capture_output=True, text=True, check=True
        ).stdout.strip()

    try:
        return git("rev-parse", "HEAD") + ("-dirty" if git("status", "--porcelain") else "")
    except (OSError, subprocess.CalledProcessError):
        return "not in git"


def _package_hash() -> str:
    package = Path(__file__).parent
    digest = hashlib.sha256()
    for path in sorted(package.rglob("*.py")):
        digest.update(path.relative_to(package).as_posix().encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()[:12]


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "none"


def _device() -> str:
    import torch

    if torch.cuda.is_available():
        return torch.cuda.get_device_name()
    if torch.backends.mps.is_available():
        return "Apple MPS"
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text().splitlines() if cpuinfo.exists() else []
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def _peak_memory() -> int:
    """Largest resident memory of this process so far, in bytes."""
    try:
        import resource
    except ImportError:  # Windows
        import psutil

        return psutil.Process().memory_info().peak_wset
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def _plain(value: Any) -> Any:
    """NumPy and torch scalars as Python ones; JSON knows no others."""
    return value.item() if hasattr(value, "item") else value
