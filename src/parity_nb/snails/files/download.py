"""Bring the photographs of a table, many at a time, and lose none when killed.

    download(table, folder)
    folder/medium/123.jpg             whole photographs, named by size and number only
    folder/quarantine/medium/456.jpg  what came complete but is no whole picture
    folder/manifest.csv               one line a photograph: what it is, whose, what became of it

A photograph is kept in memory until it is complete, decoded as a proof, written under another
name and renamed; then one line is appended to the manifest.  So at any moment a file is whole
or not there, and a line is whole or the last one, which the next call cuts off.  The next call
fetches only what has no line yet; a whole file without its line is taken as it is.

Threads, not asyncio: a notebook has an event loop of its own already.
"""

from __future__ import annotations

import csv
import hashlib
import io
import logging
import threading
import time
from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Collection, Iterable
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import pandas as pd
import stamina
from filelock import FileLock, Timeout
from PIL import Image
from tqdm import tqdm

from parity_nb.snails.files.inaturalist import COLUMNS, PHOTO_URL

if TYPE_CHECKING:
    from parity_nb.images import ImageSet

logging.getLogger("stamina").addHandler(logging.NullHandler())  # the manifest says it

HOSTS = ("inaturalist-open-data.s3.amazonaws.com", "static.inaturalist.org")
"""Where iNaturalist keeps photographs: with an open licence, and all others."""

OUTCOME = ("file", "status", "reason", "bytes", "sha256", "width", "height", "fetched")
"""What the manifest says beside a table's own columns: path below the folder, status ("ok",
"quarantined", "missing": the server has no such photograph for us, or "failed": worth another
try), the reason where it is not "ok", size in bytes, checksum, size in pixels, time (UTC)."""

FORMATS = ("JPEG", "PNG", "GIF", "WEBP")
LARGEST = 64 * 2**20
"""Bytes of the largest answer that can be a photograph; iNaturalist's have at most 2048 pixels."""

BUSY = {429, 503}
"""HTTP statuses at which everybody waits."""
PASSING = {408, 425, 500, 502, 504}
"""HTTP statuses at which one photograph is tried again."""
UNFIT = {206, 416}
"""HTTP statuses of a wrong piece of a file, or of none: it is tried again from its beginning."""
LONGEST_WAIT = 86400
"""Seconds: the longest pause that a server may impose."""


class DownloadError(RuntimeError):
    """The download cannot start, or cannot go on."""


@dataclass(frozen=True)
class Limits:
    """What we ask of a server.

    iNaturalist warns that more than 5 GB of media an hour or 24 GB a day may be answered by a
    permanent block (API Recommended Practices); it publishes no rate for photographs, so that
    of requests is our own choice.  Bytes of earlier calls count too.

    Attributes:
        workers: photographs on their way at once.
        per_second: requests that may start in one second.
        per_hour, per_day: bytes; a photograph that has started is finished.
        attempts: requests for one photograph before it has failed.
        patience: seconds for connecting, and between two pieces of an answer.
        backoff: seconds before the second attempt, doubled for each later one, plus a random
            number between 0 and that of the second; at most 64-fold.
        in_a_row: failed photographs after which the network is taken to be down.
    """

    workers: int = 4
    per_second: float = 5.0
    per_hour: float = 5e9
    per_day: float = 24e9
    attempts: int = 6
    patience: float = 30.0
    backoff: float = 1.0
    in_a_row: int = 20


# --- what chapters call


def download(
    table: pd.DataFrame,
    folder: str | Path,
    hosts: Collection[str] = HOSTS,
    limits: Limits | None = None,
    again: Collection[str] = ("failed",),
) -> pd.DataFrame:
    """Bring the photographs of a table, except those that an earlier call has brought.

    Args:
        table: from `parity_nb.snails.files.inaturalist`; `COLUMNS` are needed.
        folder: where to; made if need be.
        hosts: the only servers that may be asked, redirections included.
        limits: what we ask of them.
        again: statuses of earlier calls after which a photograph is asked for once more.

    Returns:
        The rows of the manifest for the table's photographs, in the table's order.

    Raises:
        ValueError: for a table without the columns, or with an address that is no photograph's
            or not of `hosts`; nothing is fetched then.
        DownloadError: if another download is at work in this folder, or too many photographs
            in a row have failed.  What has come is kept.
    """
    limits = limits or Limits()
    table = table.assign(file=_files(table, hosts))
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    with _alone(folder), Manifest(folder / "manifest.csv") as manifest:
        known = manifest.read()
        rows = table[~table["file"].isin(_settled(folder, known, again))].to_dict("records")
        pace = Pace(limits, _spent(known))
        with _client(hosts, limits) as client:
            _bring_all(rows, folder, client, pace, manifest)
        outcome = manifest.read().set_index("file", drop=False)
    return outcome.loc[table["file"]].reset_index(drop=True)


def read_manifest(folder: str | Path) -> pd.DataFrame:
    """What is known about every photograph of a folder: `COLUMNS` and `OUTCOME`.

    Raises:
        FileNotFoundError: if nothing has been downloaded to this folder.
    """
    path = Path(folder) / "manifest.csv"
    if not path.is_file():
        raise FileNotFoundError(f"{folder} has no manifest.csv: `download` makes it")
    return Manifest(path).read()


def photographs(folder: str | Path, pixels: int, size: str = "medium") -> ImageSet:
    """The whole photographs of a folder as an `ImageSet`, with the manifest as metadata.

    Args:
        folder: where `download` has put them.
        pixels: shortest side after resizing, before a square crop at the centre.
        size: which of iNaturalist's copies.

    Raises:
        ValueError: if there are fewer than two, or one that is not in the manifest.
    """
    from parity_nb.images import ImageSet  # with torch, which takes seconds to load

    images = ImageSet.from_folder(Path(folder) / size, pixels, "living snails")
    known = read_manifest(folder).set_index("file", drop=False)
    files = [f"{size}/{path}" for path in images.meta["path"]]
    if strangers := [file for file in files if file not in known.index]:
        raise ValueError(f"{folder}: {', '.join(strangers[:3])} not in the manifest; remove them")
    return ImageSet(images.images, known.loc[files].reset_index(drop=True), images.name)


# --- before anything is asked for


def _files(table: pd.DataFrame, hosts: Collection[str]) -> list[str]:
    """Path of each photograph below the folder, made of what `PHOTO_URL` lets through."""
    if missing := [column for column in COLUMNS if column not in table]:
        raise ValueError(f"the table has no column {', '.join(missing)}")
    files = []
    for url in table["url"]:
        found = PHOTO_URL.fullmatch(str(url))
        if found is None:
            raise ValueError(
                f"{str(url)[:200]!r} is no photograph's address like https://.../photos/1/medium.jpg"
            )
        _check_host(httpx.URL(str(url)), hosts)
        files.append(f"{found['size']}/{found['photo']}.{found['suffix']}".lower())
    if len(set(files)) < len(files):
        double = pd.Series(files).value_counts().index[0]
        raise ValueError(f"{double} stands in the table more than once: drop_duplicates('photo')")
    return files


def _check_host(url: httpx.URL, hosts: Collection[str]) -> None:
    if url.scheme not in ("http", "https") or url.host not in hosts:
        raise ValueError(
            f"{str(url)[:200]} is not a web address of {', '.join(hosts)}; "
            "name its server in `hosts` if you trust it"
        )


def _client(hosts: Collection[str], limits: Limits) -> httpx.Client:
    return httpx.Client(
        timeout=limits.patience,
        limits=httpx.Limits(max_connections=limits.workers),
        headers={"User-Agent": "parity_nb", "Accept-Encoding": "identity"},
        follow_redirects=True,
        event_hooks={"request": [lambda request: _check_host(request.url, hosts)]},
    )


@contextmanager
def _alone(folder: Path):
    try:
        with FileLock(folder / ".lock", timeout=0):
            yield
    except Timeout:
        raise DownloadError(f"another download is at work in {folder}: wait for it") from None


def _settled(folder: Path, known: pd.DataFrame, again: Collection[str]) -> list[str]:
    """The files that need not be asked for; one whose size has changed is deleted."""
    settled = []
    for row in known[~known["status"].isin(list(again))].itertuples():
        path = folder / row.file
        if row.status != "ok" or (path.is_file() and path.stat().st_size == row.bytes):
            settled.append(row.file)
        else:
            path.unlink(missing_ok=True)
    return settled


def _spent(known: pd.DataFrame) -> list[tuple[float, int]]:
    """When, in seconds since 1970, earlier calls have received how many bytes; in order of time."""
    times = [datetime.fromisoformat(text).timestamp() for text in known["fetched"]]
    return sorted(zip(times, known["bytes"].tolist(), strict=True))


# --- the pace


class Pace:
    """When the next request may start, for all threads together.

    Our own, since iNaturalist's limits are bytes: pyrate-limiter counts requests alone, aiolimiter
    needs an event loop, and neither knows what earlier calls have received.

    Args:
        limits: what we ask of a server.
        spent: time (seconds since 1970) and bytes of what came earlier, in order of time.
        clock: tells the time, seconds since 1970.
        sleep: waits for some seconds and says whether the download is called off meanwhile.
    """

    def __init__(
        self,
        limits: Limits,
        spent: Iterable[tuple[float, int]] = (),
        clock: Callable[[], float] = time.time,
        sleep: Callable[[float], bool | None] | None = None,
    ):
        self.limits = limits
        self.clock = clock
        self.stop = threading.Event()
        self.sleep = sleep or self.stop.wait
        self._lock = threading.Lock()
        self._next = 0.0
        self._windows = ((limits.per_hour, 3600), (limits.per_day, 86400))
        # When something came, and how many bytes had come by then, all together.
        self._times, self._totals = [0.0], [0]
        for when, amount in spent:
            self._note(when, amount)

    def _note(self, when: float, amount: int) -> None:
        self._times.append(when)
        self._totals.append(self._totals[-1] + amount)

    def _opens(self, limit: float, seconds: float) -> float:
        """When so much is forgotten that fewer than `limit` bytes came in the last `seconds`."""
        return self._times[bisect_right(self._totals, self._totals[-1] - limit)] + seconds

    def turn(self) -> None:
        """Wait until a request may start.

        Raises:
            Stopped: if the download has been called off.
        """
        if self.stop.is_set():
            raise Stopped
        while (wait := self._claim()) > 0:
            if self.sleep(wait):
                raise Stopped

    def _claim(self) -> float:
        with self._lock:
            now = self.clock()
            start = max(self._next, *(self._opens(*window) for window in self._windows))
            if start > now:
                return start - now
            self._next = now + 1 / self.limits.per_second
            return 0.0

    def hold(self, seconds: float) -> None:
        """Let nobody start for some seconds."""
        with self._lock:
            self._next = max(self._next, self.clock() + seconds)

    def received(self, amount: int) -> None:
        """Note that `amount` bytes have come."""
        with self._lock:
            self._note(self.clock(), amount)


# --- one photograph


class Stopped(Exception):
    """Somebody has called the download off."""


class Missing(Exception):
    """The server has no such photograph for us."""


class Again(Exception):
    """This attempt has failed, and the next one may not."""


class Failed(Exception):
    """Every attempt has failed."""


@dataclass
class Part:
    """What has come of a file so far, and what names its version, "" if nothing does."""

    body: bytearray = field(default_factory=bytearray)
    version: str = ""


def _fetch(url: str, client: httpx.Client, pace: Pace) -> bytes:
    """A file of the web, taken up where it was cut off if the server can do that.

    Raises:
        Missing: if asking again would not help.
        Failed: after the last attempt.
    """
    part, first = Part(), pace.limits.backoff
    again = stamina.retry_context(
        on=(Again, httpx.RequestError),
        attempts=pace.limits.attempts,
        timeout=None,
        wait_initial=first,
        wait_jitter=first,
        wait_max=64 * first,
    )
    try:
        for attempt in again:
            with attempt:
                pace.turn()
                return _ask(url, client, pace, part, attempt.next_wait)
    except Again as error:
        reason = str(error)
    except httpx.RequestError as error:
        reason = f"{type(error).__name__}: {error}"
    raise Failed(f"{reason}; {pace.limits.attempts} attempts")


def _ask(url: str, client: httpx.Client, pace: Pace, part: Part, wait: float) -> bytes:
    """One attempt to get the rest of a file; a busy server stops everybody, for `wait` seconds
    if it does not say how long.
    """
    resume = part.body and part.version
    asked = {"Range": f"bytes={len(part.body)}-", "If-Range": part.version} if resume else {}
    try:
        with client.stream("GET", url, headers=asked) as reply:
            status = reply.status_code
            rest = _continues(reply, len(part.body))
            if status == httpx.codes.OK or (status in UNFIT and not rest):
                part.body.clear()
            if status in BUSY:
                pace.hold(_retry_after(reply, pace.clock()) or wait)
            if status != httpx.codes.OK and not rest:
                kind = Again if status in BUSY | PASSING | UNFIT else Missing
                raise kind(f"HTTP {status}")
            part.version = _version(reply)
            for piece in reply.iter_raw():
                part.body += piece
                pace.received(len(piece))
                if len(part.body) > LARGEST:
                    raise Missing(f"more than {LARGEST} bytes: no photograph")
            return bytes(part.body)
    except ValueError as error:  # a redirection to a server that is not allowed
        raise Missing(str(error)) from error


def _continues(reply: httpx.Response, start: int) -> bool:
    """Whether this is the rest of a file from byte `start` on."""
    return reply.status_code == httpx.codes.PARTIAL_CONTENT and reply.headers.get(
        "Content-Range", ""
    ).startswith(f"bytes {start}-")


def _version(reply: httpx.Response) -> str:
    """What names this version of a file, for If-Range; "" if nothing does so for certain."""
    tag = reply.headers.get("ETag", "")
    return tag if tag and not tag.startswith("W/") else reply.headers.get("Last-Modified", "")


def _retry_after(reply: httpx.Response, now: float) -> float:
    """Seconds that the server asks us to wait, given as such or as a date; 0 if it does not."""
    wish = reply.headers.get("Retry-After", "")
    try:
        wait = float(wish) if wish.isdecimal() else parsedate_to_datetime(wish).timestamp() - now
    except (ValueError, OverflowError):
        return 0.0
    return min(max(wait, 0.0), LONGEST_WAIT)


def _bring(row: dict[str, Any], folder: Path, client: httpx.Client, pace: Pace) -> dict[str, Any]:
    """Bring one photograph; the row with its `OUTCOME`."""
    path = folder / row["file"]
    outcome = dict.fromkeys(OUTCOME, "") | {"bytes": 0, "width": 0, "height": 0}
    try:
        # There already: an earlier call was killed between the file and its line.
        body = path.read_bytes() if path.is_file() else _fetch(row["url"], client, pace)
    except (Missing, Failed) as error:
        outcome |= {"status": type(error).__name__.lower(), "reason": str(error)}
    else:
        outcome |= {"status": "ok", "bytes": len(body), "sha256": hashlib.sha256(body).hexdigest()}
        try:
            with Image.open(io.BytesIO(body), formats=FORMATS) as picture:
                picture.load()
                outcome |= {"width": picture.width, "height": picture.height}
        except Exception as error:  # of any type: decoders meet anything in a broken file
            path.unlink(missing_ok=True)
            path = folder / "quarantine" / row["file"]
            outcome |= {"status": "quarantined", "reason": f"{type(error).__name__}: {error}"}
        _write(path, body)
    return row | outcome | {"file": row["file"], "fetched": datetime.now(UTC).isoformat()}


def _write(path: Path, body: bytes) -> None:
    """A file that appears whole or not at all; not by `written`, which a kill leaves untidy."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.part")
    part.write_bytes(body)
    part.replace(path)


# --- all of them


def _bring_all(
    rows: list[dict[str, Any]], folder: Path, client: httpx.Client, pace: Pace, manifest: Manifest
) -> None:
    counts, failures = Counter(), 0
    with (
        ThreadPoolExecutor(pace.limits.workers) as threads,
        tqdm(total=len(rows), desc="photographs", unit="") as bar,
    ):
        try:
            jobs = (threads.submit(_bring, row, folder, client, pace) for row in rows)
            for job in as_completed(jobs):
                row = job.result()
                manifest.append(row)
                counts[row["status"]] += 1
                bar.set_postfix(counts, refresh=False)
                bar.update()
                failures = failures + 1 if row["status"] == "failed" else 0
                if failures == pace.limits.in_a_row:
                    raise DownloadError(
                        f"{failures} photographs in a row have failed, the last with "
                        f"{row['reason']}: is the network down? Run again to go on"
                    )
        finally:  # after Ctrl-C, too, nothing new starts and nobody sleeps on
            pace.stop.set()
            threads.shutdown(cancel_futures=True)


class Manifest:
    """A table that only grows, a line a photograph and an outcome; the last line counts.

    Each line is one write to the end of the file.  If a kill has cut the last one off, it goes
    when the manifest is opened for writing.

    Args:
        path: the CSV file.

    Raises:
        DownloadError: if the file has other columns.
    """

    COLUMNS = (*COLUMNS, *OUTCOME)
    NUMBERS = ("observation", "photo", "taxon_id", "bytes", "width", "height")

    def __init__(self, path: Path):
        self.path = path

    def __enter__(self) -> Manifest:
        lines = self.path.read_bytes() if self.path.is_file() else b""
        whole = lines.rfind(b"\n") + 1
        self._file = self.path.open("ab", buffering=0)
        self._file.truncate(whole)
        if not whole:
            self._write(self.COLUMNS)
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def append(self, row: dict[str, Any]) -> None:
        """Add one line; line breaks and other unprintable characters become spaces."""
        self._write(
            "".join(c if c.isprintable() else " " for c in str(row[name])) for name in self.COLUMNS
        )

    def _write(self, cells: Iterable[str]) -> None:
        line = io.StringIO()
        csv.writer(line, lineterminator="\n").writerow(cells)
        self._file.write(line.getvalue().encode())

    def read(self) -> pd.DataFrame:
        """The last whole line of every photograph."""
        lines = self.path.read_bytes()
        whole = io.BytesIO(lines[: lines.rfind(b"\n") + 1])
        table = pd.read_csv(whole, dtype=str, keep_default_na=False, encoding="utf-8")
        if tuple(table.columns) != self.COLUMNS:
            raise DownloadError(
                f"{self.path} has other columns than this version writes; use another folder"
            )
        table = table.drop_duplicates("file", keep="last").reset_index(drop=True)
        return table.astype(dict.fromkeys(self.NUMBERS, "int64"))
