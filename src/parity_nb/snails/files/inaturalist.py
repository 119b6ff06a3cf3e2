"""Which photographs of living snails there are: tables of iNaturalist, one row a photograph.

`from_export` reads what iNaturalist's export tool writes, the way of Gibbon (2023, section 3.1);
`from_query` asks the API for a taxon; `from_ids` asks it for observations by their number.  An
export is the way to a large set, but it knows only the first photograph of an observation and
no photograph's licence: its column `license` is that of the record.  `from_ids` on the export's
observations brings both, at 200 observations a request.

iNaturalist asks for about one request a second and 10,000 a day, and for exports instead of
the API where the data are large (API Recommended Practices,
https://www.inaturalist.org/pages/api+recommended+practices).  pyinaturalist keeps that pace.
"""

from __future__ import annotations

import re
import warnings
import zipfile
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path
from typing import Any
from unittest import mock

import pandas as pd
from tqdm import tqdm

# On import pyinaturalist would make every notebook and console print through rich.
with mock.patch("rich.pretty.install"):
    from pyinaturalist import ClientSession, get_observations, get_taxa
    from pyinaturalist.paginator import JsonIDRangePaginator

PER_PAGE = 200
"""Observations a request: the most that the API gives."""

LICENCES = ("CC0", "CC-BY", "CC-BY-NC", "CC-BY-SA", "CC-BY-ND", "CC-BY-NC-SA", "CC-BY-NC-ND")
"""Licences that an author on iNaturalist may give to a photograph."""
RESERVED = "all rights reserved"
UNKNOWN = "unknown"

SIZES = {"square": 75, "small": 240, "medium": 500, "large": 1024, "original": 2048}
"""Longest side of iNaturalist's copies of a photograph, pixels; a square is cropped.  Every copy
is a JPEG of its own, made after resizing: take one much larger than the network's image."""

PHOTO_URL = re.compile(
    r"(?P<folder>https?://[a-z0-9.:-]+/photos/(?P<photo>[1-9][0-9]{0,17})/)"
    rf"(?P<size>thumb|{'|'.join(SIZES)})\.(?P<suffix>jpe?g|png|gif|webp)(?:\?[0-9]*)?",
    re.IGNORECASE | re.ASCII,
)
"""The address of one copy of a photograph, with its number.  It matches nothing else, so that
what is made of its groups can serve as a file name."""

EXPORT_COLUMNS = {
    "id": "observation",
    "image_url": "url",
    "license": "observation_licence",
    "taxon_id": "taxon_id",
    "scientific_name": "taxon",
    "observed_on": "date",
    "user_login": "user",
    "quality_grade": "quality",
}
"""Columns of an export that are needed, and what they are called here."""

COLUMNS = (
    "observation",
    "photo",
    "url",
    "licence",
    "attribution",
    "observation_licence",
    "taxon_id",
    "taxon",
    "date",
    "user",
    "quality",
)
"""Columns of every table: numbers of observation and photograph, address of the photograph, its
licence (one of `LICENCES`, "all rights reserved" or "unknown") and whom to name with it, the
licence of the record, number and name of the taxon (0 and "" if there is none), day of the
observation (year-month-day, "" if there is none), login of the observer and quality grade
("research", "needs_id" or "casual")."""


def photo_url(url: str, size: str) -> str:
    """The address of another copy of the same photograph.

    Raises:
        ValueError: for an unknown size, or an address that is not of iNaturalist's form.
    """
    if size not in SIZES:
        raise ValueError(f"size = {size!r} is none of {', '.join(SIZES)}")
    found = PHOTO_URL.fullmatch(url)
    if found is None:
        raise ValueError(f"{url[:200]!r} is no photograph's address like .../photos/123/medium.jpg")
    return f"{found['folder']}{size}.{found['suffix']}"


# --- from an export


def from_export(path: str | Path, size: str = "medium") -> pd.DataFrame:
    """Read an export of https://www.inaturalist.org/observations/export, CSV or zipped CSV.

    Observations without a photograph are left out.  So are rows whose number or address cannot
    be one of iNaturalist's, with a warning that counts them and shows the first.

    Args:
        path: the file.
        size: wanted copy of each photograph, one of `SIZES`.

    Returns:
        A table with `COLUMNS`; every `licence` is "unknown".

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: if it is no CSV file, lacks columns, or no row can be used.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"no export {path}: inaturalist.org/observations/export makes one")
    try:
        export = pd.read_csv(path, dtype=str, keep_default_na=False)
    except (ValueError, OSError, zipfile.BadZipFile) as error:  # ValueError: pandas' own, too
        raise ValueError(f"{path} cannot be read as CSV: {error}") from error
    if missing := [column for column in EXPORT_COLUMNS if column not in export]:
        raise ValueError(
            f"{path} has no column {', '.join(missing)}; it has {', '.join(export.columns)}. "
            "Tick the missing ones in step 3 of iNaturalist's export tool and export again"
        )
    table = export[list(EXPORT_COLUMNS)].rename(columns=EXPORT_COLUMNS)
    table = table[table["url"] != ""]
    parts = table["url"].map(PHOTO_URL.fullmatch)
    usable = parts.notna() & table["observation"].str.fullmatch("[1-9][0-9]{0,17}")
    if not usable.any():
        raise ValueError(f"{path} has no row with an observation's number and a photograph")
    if len(strange := table[~usable]):
        first = strange.iloc[0]
        _warn_left_out(len(strange), path, f"id {first.observation!r}, image_url {first.url!r}")
    table, parts = table[usable], parts[usable]
    page = "https://www.inaturalist.org/observations/" + table["observation"]
    table = table.assign(
        photo=parts.map(lambda part: part["photo"]),
        url=table["url"].map(lambda url: photo_url(url, size)),
        licence=UNKNOWN,
        attribution="(c) " + table["user"] + ", " + page,
        observation_licence=table["observation_licence"].replace("", RESERVED),
    )
    return _tidy(table)


# --- from the API


def api_session(**options: Any) -> ClientSession:
    """A session that keeps iNaturalist's pace and tries again when the server is busy.

    Unlike pyinaturalist's own it also waits after a 429, which iNaturalist sends without saying
    how long.

    Args:
        options: of `pyinaturalist.ClientSession`; `per_second`, `per_minute` and `per_day` are
            1, 60 and 10,000 requests by default.
    """
    session = ClientSession(**{"user_agent": "parity_nb"} | options)
    adapter = session.get_adapter("https://api.inaturalist.org")
    adapter.max_retries = session.retries = session.retries.new(
        total=8, backoff_factor=1, backoff_jitter=1, status_forcelist=(429, 500, 502, 503, 504)
    )
    return session


def from_query(
    taxon: str | int,
    until: str | None = None,
    quality: str | None = None,
    licences: Collection[str] | None = None,
    size: str = "medium",
    limit: int | None = None,
    session: ClientSession | None = None,
) -> pd.DataFrame:
    """Ask the API for the photographs of a taxon and everything below it.

    Args:
        taxon: its number, or its scientific name, such as "Helicoidea" or "Stylommatophora".
        until: last day of observation, year-month-day.
        quality: quality grade, "research", "needs_id" or "casual"; all by default.
        licences: some of `LICENCES`; all by default, "all rights reserved" among them.
        size: wanted copy of each photograph, one of `SIZES`.
        limit: largest number of observations, the oldest records first; all by default.
        session: from `api_session`.

    Returns:
        A table with `COLUMNS`, one row for every photograph of every observation found.

    Raises:
        ValueError: for a name that is not that of exactly one taxon, or a value that the API
            does not know.
        requests.RequestException: if the server cannot be reached or refuses.
    """
    session = session or api_session()
    query = {"taxon_id": taxon_id(taxon, session), "d2": until, "quality_grade": quality}
    query |= {"photos": True, "photo_license": list(licences) if licences else None}
    found = JsonIDRangePaginator(
        get_observations, session=session, per_page=PER_PAGE, limit=limit, **query
    )
    return _table(tqdm(found, desc=f"observations of {taxon}", unit=""), licences, size)


def from_ids(
    observations: Iterable[int],
    licences: Collection[str] | None = None,
    size: str = "medium",
    session: ClientSession | None = None,
) -> pd.DataFrame:
    """Ask the API for every photograph of some observations, for example those of an export.

    Args:
        observations: their numbers; 200 are asked for at once.
        licences: as in `from_query`.
        size: as in `from_query`.
        session: as in `from_query`.

    Returns:
        A table with `COLUMNS`.  Observations deleted in the meantime are not in it.

    Raises:
        requests.RequestException: if the server cannot be reached or refuses.
    """
    session = session or api_session()
    numbers = sorted({int(number) for number in observations})
    pages = (
        get_observations(id=numbers[i : i + PER_PAGE], per_page=PER_PAGE, session=session)
        for i in range(0, len(numbers), PER_PAGE)
    )
    found = (observation for page in pages for observation in page["results"])
    return _table(tqdm(found, total=len(numbers), desc="observations", unit=""), licences, size)


def taxon_id(taxon: str | int, session: ClientSession | None = None) -> int:
    """The number of a taxon, given its scientific name; a number is returned as it is.

    Raises:
        ValueError: if no active taxon, or more than one, has exactly this name.
    """
    if isinstance(taxon, int):
        return taxon
    found = get_taxa(q=taxon, is_active=True, per_page=30, session=session or api_session())
    alike = [entry for entry in found["results"] if entry["name"].lower() == taxon.lower()]
    if len(alike) != 1:
        near = [f"{e['name']} ({e['rank']}, {e['id']})" for e in alike or found["results"][:5]]
        raise ValueError(
            f"{len(alike)} taxa of iNaturalist are called {taxon!r}; give a number instead of the "
            f"name. Found: {', '.join(near) or 'nothing like it'}"
        )
    return alike[0]["id"]


def _table(
    observations: Iterable[dict[str, Any]], licences: Collection[str] | None, size: str
) -> pd.DataFrame:
    rows = [row for observation in observations for row in _rows(observation)]
    table = pd.DataFrame(rows, columns=list(COLUMNS))
    if licences:
        table = table[table["licence"].isin(list(licences))]
    usable = table["url"].map(lambda url: PHOTO_URL.fullmatch(url) is not None).astype(bool)
    if len(strange := table[~usable]):
        _warn_left_out(len(strange), "the API's answer", f"address {strange['url'].iloc[0]!r}")
    table = table[usable]
    return _tidy(table.assign(url=[photo_url(url, size) for url in table["url"]]))


def _rows(observation: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """One row a photograph of an observation, as the API describes it."""
    taxon = observation.get("taxon") or {}
    record = {
        "observation": observation["id"],
        "observation_licence": _licence(observation.get("license_code")),
        "taxon_id": taxon.get("id", 0),
        "taxon": taxon.get("name", ""),
        "date": str(observation.get("observed_on") or "")[:10],
        "user": (observation.get("user") or {}).get("login", ""),
        "quality": observation["quality_grade"],
    }
    for photo in observation["photos"]:
        yield record | {
            "photo": photo["id"],
            "url": photo.get("url") or "",
            "licence": _licence(photo.get("license_code")),
            "attribution": photo.get("attribution") or "",
        }


def _licence(code: str | None) -> str:
    return code.upper() if code else RESERVED


def _tidy(table: pd.DataFrame) -> pd.DataFrame:
    """The columns of `COLUMNS`, each of its type; a photograph of two observations stays once."""
    table = table[list(COLUMNS)].drop_duplicates("photo").reset_index(drop=True)
    numbers = {"observation": "int64", "photo": "int64"}
    taxa = pd.to_numeric(table["taxon_id"], errors="coerce").fillna(0).astype("int64")
    return table.astype(numbers).assign(taxon_id=taxa)


def _warn_left_out(rows: int, source: object, first: str) -> None:
    warnings.warn(
        f"{source}: {rows} row(s) left out, which are no photograph of iNaturalist; "
        f"the first: {first[:300]}",
        stacklevel=3,
    )
