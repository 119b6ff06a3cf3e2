"""Downloading photographs from a server here that fails in every way, and being killed."""

from __future__ import annotations

import hashlib
import io
import subprocess
import sys
import threading
import time
from collections import Counter
from datetime import UTC, datetime
from email.utils import format_datetime

import pytest
from photo_server import PhotoServer, changed, jpeg
from PIL import Image

from parity_nb.snails.files import download as module
from parity_nb.snails.files.download import (
    HOSTS,
    DownloadError,
    Limits,
    Pace,
    download,
    photographs,
    read_manifest,
)

LOCAL = ("127.0.0.1",)
QUICK = Limits(per_second=1e6, backoff=0.001, patience=10)


def faults(*, of: dict[int, list]):
    """The first requests for some photographs go wrong in the given ways, later ones do not."""
    return lambda number, n: (of.get(number, []) + [""] * 99)[n]


def always(of: dict[int, str]):
    return lambda number, n: of.get(number, "")


def assert_right(folder, server, numbers):
    """Each of these photographs is on disk as the server has it, and so the manifest says."""
    rows = read_manifest(folder).set_index("photo")
    for number in numbers:
        data = (folder / f"medium/{number}.jpg").read_bytes()
        assert data == server.picture(number)
        assert rows.loc[number, "sha256"] == hashlib.sha256(data).hexdigest()
        assert rows.loc[number, ["status", "bytes"]].tolist() == ["ok", len(data)]
    assert list(folder.rglob("*.part")) == []
    assert len(changed(folder)) == 0


# --- the plain way


def test_every_photograph_comes_once_with_its_licence(tmp_path):
    with PhotoServer() as server:
        table = server.table(range(1, 41))
        table["licence"] = "CC-BY-NC"
        table["attribution"] = '(c) A "quoted", name\nof two lines \x00 and a snail 🐌'
        rows = download(table, tmp_path / "new", LOCAL, QUICK)
        assert rows["photo"].tolist() == table["photo"].tolist()
        assert (rows["status"] == "ok").all() and (rows["licence"] == "CC-BY-NC").all()
        assert set(rows["attribution"]) == {'(c) A "quoted", name of two lines   and a snail 🐌'}
        assert set(rows["width"]) == set(rows["height"]) == {16}
        assert_right(tmp_path / "new", server, range(1, 41))
        download(table, tmp_path / "new", LOCAL, QUICK)
        more = download(server.table(range(31, 51)), tmp_path / "new", LOCAL, QUICK)
        assert more["photo"].tolist() == list(range(31, 51))
        assert server.asked == Counter(range(1, 51))


def test_an_empty_table_asks_for_nothing(tmp_path):
    with PhotoServer() as server:
        assert len(download(server.table([]), tmp_path, LOCAL, QUICK)) == 0


def test_photographs_become_an_image_set(tmp_path):
    with PhotoServer(lambda number: jpeg(number, 40)) as server:
        download(server.table([3, 20, 100]), tmp_path, LOCAL, QUICK)
    images = photographs(tmp_path, pixels=8)
    assert images.images.shape == (3, 3, 8, 8)
    assert images.meta["file"].tolist() == ["medium/100.jpg", "medium/20.jpg", "medium/3.jpg"]
    assert images.meta["observation"].tolist() == [51, 11, 2]
    (tmp_path / "medium/7.jpg").write_bytes(jpeg(7, 40))
    with pytest.raises(ValueError, match=r"medium/7.jpg not in the manifest; remove them"):
        photographs(tmp_path, pixels=8)


# --- what can go wrong with a server


@pytest.mark.parametrize("resumes", [True, False])
def test_passing_faults_are_overcome(tmp_path, resumes):
    wrong = {
        1: ["429", "429"],
        2: [("503", "0"), ("503", "soon"), ("429", "-3")],
        3: ["500", "502", "504"],
        4: ["cut"],
        5: ["cut", "500", "cut", "429"],
        6: ["416"],
        7: ["408", "425"],
    }
    with PhotoServer(lambda n: jpeg(n, 64), faults(of=wrong)) as server:
        server.resumes = resumes
        download(server.table(range(1, 10)), tmp_path, LOCAL, QUICK)
        assert_right(tmp_path, server, range(1, 10))
        assert server.asked == {n: len(wrong.get(n, [])) + 1 for n in range(1, 10)}
        # half of the fourth photograph came, and the rest of it was asked for
        half = f"bytes={len(jpeg(4, 64)) // 2}-"
        assert server.ranges.count(half) == 1


def test_a_connection_that_stalls_is_taken_up_again(tmp_path):
    with PhotoServer(lambda n: jpeg(n, 64), faults(of={2: ["slow"]})) as server:
        limits = Limits(per_second=1e6, backoff=0.001, patience=0.3)
        download(server.table([1, 2, 3]), tmp_path, LOCAL, limits)
        assert_right(tmp_path, server, [1, 2, 3])
        assert server.ranges == [f"bytes={len(jpeg(2, 64)) // 2}-"]


def test_what_is_not_there_is_not_asked_for_again(tmp_path):
    with PhotoServer(fault=always({2: "404", 3: "403", 4: "410"})) as server:
        table = server.table(range(1, 6))
        rows = download(table, tmp_path, LOCAL, QUICK).set_index("photo")
        assert rows["status"].tolist() == ["ok", "missing", "missing", "missing", "ok"]
        assert rows["reason"].tolist() == ["", "HTTP 404", "HTTP 403", "HTTP 410", ""]
        download(table, tmp_path, LOCAL, QUICK)
        assert server.asked == Counter(range(1, 6))
        server.fault = always({})
        download(table, tmp_path, LOCAL, QUICK, again=("missing",))
        assert server.asked == Counter(range(1, 6)) + Counter([2, 3, 4])
        assert_right(tmp_path, server, range(1, 6))


def test_what_has_failed_is_asked_for_by_the_next_call(tmp_path):
    with PhotoServer(fault=always({2: "500", 3: "cut"})) as server:
        server.resumes = False
        table = server.table(range(1, 5))
        rows = download(table, tmp_path, LOCAL, QUICK).set_index("photo")
        assert rows["status"].tolist() == ["ok", "failed", "failed", "ok"]
        assert rows.loc[2, "reason"] == "HTTP 500; 6 attempts"
        assert rows.loc[3, "reason"].startswith("RemoteProtocolError: peer closed")
        assert server.asked[2] == server.asked[3] == QUICK.attempts
        server.fault = always({})
        download(table, tmp_path, LOCAL, QUICK)
        assert_right(tmp_path, server, range(1, 5))


def test_a_dead_server_ends_the_download(tmp_path):
    with PhotoServer() as server:
        table = server.table(range(1, 100))
    limits = Limits(per_second=1e6, backoff=0.001, attempts=2, in_a_row=5, patience=5)
    with pytest.raises(DownloadError, match=r"5 photographs in a row have failed.*network down"):
        download(table, tmp_path, LOCAL, limits)
    assert len(read_manifest(tmp_path)) == 5


def saved_as(kind: str, pixels: int = 16) -> bytes:
    file = io.BytesIO()
    Image.new("L", (pixels, pixels)).save(file, kind)
    return file.getvalue()


def test_broken_pictures_are_put_into_quarantine(tmp_path, monkeypatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100**2)
    tiff, bomb = saved_as("TIFF"), saved_as("PNG", 200)
    broken = {2: jpeg(2, 64)[:-200], 3: b"", 4: b"GIF89a\xff", 5: tiff, 6: bomb}
    with PhotoServer(lambda n: broken.get(n, jpeg(n)), always({7: "html"})) as server:
        table = server.table(range(1, 9))
        rows = download(table, tmp_path, LOCAL, QUICK).set_index("photo")
        assert rows.index[rows["status"] == "quarantined"].tolist() == [2, 3, 4, 5, 6, 7]
        assert rows.loc[2, "reason"].startswith("OSError: ")
        assert rows.loc[5, "reason"].startswith("UnidentifiedImageError")
        assert rows.loc[6, "reason"].startswith("DecompressionBombError")
        for number, data in broken.items():
            assert (tmp_path / f"quarantine/medium/{number}.jpg").read_bytes() == data
        assert sorted(p.name for p in (tmp_path / "medium").iterdir()) == ["1.jpg", "8.jpg"]
        download(table, tmp_path, LOCAL, QUICK)
        assert server.asked == Counter(range(1, 9))
        server.picture, server.fault = jpeg, always({})
        download(table, tmp_path, LOCAL, QUICK, again=("quarantined",))
        assert_right(tmp_path, server, range(1, 9))


def test_an_endless_answer_is_given_up(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "LARGEST", 1000)
    with PhotoServer(lambda n: bytes(100_000) if n == 1 else jpeg(n, 8)) as server:
        rows = download(server.table([1, 2]), tmp_path, LOCAL, QUICK)
        assert rows["status"].tolist() == ["missing", "ok"]
        assert rows["reason"][0] == "more than 1000 bytes: no photograph"


# --- who may be asked, and where files may go


@pytest.mark.parametrize(
    "url",
    [
        "file:///photos/1/medium.jpg",
        "ftp://static.inaturalist.org/photos/1/medium.jpg",
        "https://static.inaturalist.org/photos/../../x",
        "https://static.inaturalist.org/photos/1/../medium.jpg",
        "https://static.inaturalist.org/photos/1/medium.jpg/../../../x.jpg",
        "https://static.inaturalist.org/photos/1/medium.sh",
        "https://static.inaturalist.org/photos/1\x00/medium.jpg",
        "https://static.inaturalist.org/photos/1/medium.jpg\n",
        "https://static.inaturalist.org/photos/١/medium.jpg",
        "https://static.inaturalist.org/photos/1/ſquare.jpg",
        "https://static.inaturalist.org/photos/" + "1" * 5000 + "/medium.jpg",
        "/etc/passwd",
        "../../x",
        "",
        None,
    ],
)
def test_what_is_no_photographs_address_is_refused(tmp_path, url):
    with PhotoServer() as server:
        table = server.table([1, 2])
        table["url"] = table["url"].astype(object)
        table.loc[1, "url"] = url
        with pytest.raises(ValueError, match="is no photograph's address"):
            download(table, tmp_path / "in", (*LOCAL, *HOSTS), QUICK)
        assert not server.asked and list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1/photos/1/medium.jpg",
        "https://static.inaturalist.org.example.com/photos/1/medium.jpg",
        "https://localhost/photos/1/medium.jpg",
    ],
)
def test_only_iNaturalists_servers_are_asked(tmp_path, url):
    with PhotoServer() as server:
        table = server.table([1]).assign(url=url)
    with pytest.raises(ValueError, match=r"is not a web address of inat.*name its server in `host"):
        download(table, tmp_path, limits=QUICK)


def test_iNaturalists_servers_are_allowed():
    for url in (
        "https://inaturalist-open-data.s3.amazonaws.com/photos/1/medium.jpg",
        "https://static.inaturalist.org/photos/1/MEDIUM.JPG?1526044064",
    ):
        with PhotoServer() as server:
            table = server.table([1]).assign(url=url)
        assert module._files(table, HOSTS) == ["medium/1.jpg"]


def test_redirections_stay_among_the_allowed_servers(tmp_path):
    with PhotoServer() as server:
        there = f"{server.url}/photos/3/medium.jpg"
        away = there.replace("127.0.0.1", "localhost")
        ways = {1: ("301", there), 2: ("302", away), 4: ("301", "ftp://127.0.0.1/photos/1")}
        server.fault = always(ways)
        rows = download(server.table([1, 2, 4]), tmp_path, LOCAL, QUICK)
        assert rows["status"].tolist() == ["ok", "missing", "missing"]
        assert (tmp_path / "medium/1.jpg").read_bytes() == jpeg(3)
        assert "localhost" in rows["reason"][1] and "ftp" in rows["reason"][2]
        assert server.asked == Counter([1, 2, 3, 4])


def test_tables_that_cannot_be_used(tmp_path):
    with PhotoServer() as server:
        with pytest.raises(ValueError, match="the table has no column licence, user"):
            download(server.table([1]).drop(columns=["licence", "user"]), tmp_path, LOCAL, QUICK)
        with pytest.raises(ValueError, match=r"medium/1.jpg stands in the table more than once"):
            download(server.table([1, 2, 1]), tmp_path, LOCAL, QUICK)


def test_two_downloads_into_one_folder(tmp_path):
    release = threading.Event()

    def picture(number: int) -> bytes:
        release.wait(10)
        return jpeg(number)

    with PhotoServer(picture) as server:
        table = server.table([1])
        first = threading.Thread(target=download, args=(table, tmp_path, LOCAL, QUICK))
        first.start()
        while not server.asked:
            time.sleep(0.01)
        with pytest.raises(DownloadError, match="another download is at work in"):
            download(table, tmp_path, LOCAL, QUICK)
        release.set()
        first.join()
        assert_right(tmp_path, server, [1])


# --- after a kill


def test_killed_anywhere_nothing_is_lost(tmp_path):
    """Two processes are killed; the third finishes what they have begun."""
    numbers = range(1, 301)
    with PhotoServer() as server:
        table = tmp_path / "table.csv"
        server.table(numbers).to_csv(table, index=False)
        code = (
            "import pandas as pd; from parity_nb.snails.files.download import download, Limits\n"
            f"download(pd.read_csv({str(table)!r}, dtype=str), {str(tmp_path / 'in')!r},"
            " ['127.0.0.1'], Limits(per_second=1e6))"
        )
        on_disk = []
        for part in (60, 170, None):
            child = subprocess.Popen([sys.executable, "-c", code], stderr=subprocess.DEVNULL)
            while part and server.sent.total() < part:
                assert child.poll() is None
                time.sleep(0.002)
            if part:
                child.kill()
            assert (child.wait() == 0) == (part is None)
            on_disk.append({int(p.stem) for p in (tmp_path / "in/medium").glob("[0-9]*.jpg")})
        assert_right(tmp_path / "in", server, numbers)
        assert 0 < len(on_disk[0]) < len(on_disk[1]) < len(on_disk[2]) == len(numbers)
        twice = {number for number, count in server.sent.items() if count > 1}
        assert len(twice) <= 2 * Limits().workers
        assert set(server.sent) == set(numbers)


def test_a_torn_line_and_a_file_without_a_line(tmp_path):
    with PhotoServer() as server:
        table = server.table(range(1, 11))
        download(table, tmp_path, LOCAL, QUICK)
        path = tmp_path / "manifest.csv"
        lines = path.read_bytes().splitlines(keepends=True)
        path.write_bytes(b"".join(lines[:-1]) + lines[-1][:30])
        assert len(read_manifest(tmp_path)) == 9
        download(table, tmp_path, LOCAL, QUICK)
        assert server.asked == Counter(range(1, 11))
        assert_right(tmp_path, server, range(1, 11))
        path.write_bytes(lines[0][:10])
        download(table, tmp_path, LOCAL, QUICK)
        assert server.asked == Counter(range(1, 11))
        assert_right(tmp_path, server, range(1, 11))


def test_files_that_were_lost_or_cut_come_again(tmp_path):
    with PhotoServer() as server:
        table = server.table(range(1, 6))
        download(table, tmp_path, LOCAL, QUICK)
        (tmp_path / "medium/2.jpg").unlink()
        (tmp_path / "medium/3.jpg").write_bytes(jpeg(3)[:100])
        data = bytearray(jpeg(4))
        data[-5] ^= 1
        (tmp_path / "medium/4.jpg").write_bytes(data)
        assert sorted(changed(tmp_path)["photo"]) == [2, 3, 4]
        download(table, tmp_path, LOCAL, QUICK)
        assert server.asked == Counter(range(1, 6)) + Counter([2, 3])
        assert changed(tmp_path)["photo"].tolist() == [4]


def test_a_manifest_of_another_make(tmp_path):
    (tmp_path / "manifest.csv").write_text("photo,url\n1,x\n")
    with (
        PhotoServer() as server,
        pytest.raises(DownloadError, match=r"has other columns.*use another folder"),
    ):
        download(server.table([1]), tmp_path, LOCAL, QUICK)


def test_no_manifest(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"has no manifest.csv"):
        read_manifest(tmp_path)


# --- the pace, by a clock of our own


class Clock:
    def __init__(self, now: float = 1e9):
        self.now = now

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        assert seconds > 0
        self.now += seconds


def paced(limits: Limits, spent=()) -> tuple[Clock, Pace]:
    clock = Clock()
    return clock, Pace(limits, spent, clock, clock.sleep)


def test_requests_keep_their_distance():
    clock, pace = paced(Limits(per_second=4))
    for _ in range(21):
        pace.turn()
    assert clock.now - 1e9 == pytest.approx(20 / 4)


def test_bytes_of_an_hour_and_of_a_day():
    """100 bytes a request, 1000 an hour, 5000 a day: 50 requests on the first day."""
    clock, pace = paced(Limits(per_second=1e6, per_hour=1000, per_day=5000))
    starts = []
    for _ in range(120):
        pace.turn()
        starts.append(clock.now)
        pace.received(100)
    for seconds, most in ((3600, 10), (86400, 50)):
        counts = [sum(s <= other < s + seconds for other in starts) for s in starts]
        assert max(counts) == most


def test_bytes_of_earlier_calls_count():
    clock, pace = paced(Limits(per_hour=1000), spent=[(1e9 - 3000, 600), (1e9 - 100, 500)])
    pace.turn()
    assert clock.now == pytest.approx(1e9 + 600)


def test_nobody_starts_once_the_download_is_called_off():
    _, pace = paced(Limits())
    pace.stop.set()
    with pytest.raises(module.Stopped):
        pace.turn()


def test_the_manifest_tells_what_earlier_calls_received(tmp_path):
    with PhotoServer() as server:
        rows = download(server.table([1, 2, 3]), tmp_path, LOCAL, QUICK)
    spent = module._spent(rows)
    assert sum(amount for _, amount in spent) == sum(len(jpeg(n)) for n in (1, 2, 3))
    now = datetime.now(UTC).timestamp()
    assert all(now - 600 < when <= now for when, _ in spent)


def test_everybody_waits_when_the_server_says_so():
    clock, pace = paced(Limits(per_second=10))
    pace.turn()
    pace.hold(120)
    pace.hold(60)
    pace.turn()
    assert clock.now == pytest.approx(1e9 + 120)


def test_backoff_doubles_with_jitter_and_has_an_end(tmp_path, monkeypatch):
    waits, held = [], []
    monkeypatch.setattr("tenacity.nap.time.sleep", waits.append)
    monkeypatch.setattr(Pace, "hold", lambda self, seconds: held.append(seconds))
    limits = Limits(per_second=1e6, backoff=2, attempts=12, in_a_row=99)
    with PhotoServer(fault=lambda number, n: "503") as server:
        download(server.table([1, 2]), tmp_path, LOCAL, limits)
    doubled = [2 * 2 ** min(attempt, 6) for attempt in range(12)]
    assert sorted(held) == sorted(2 * doubled), "all others wait as long, without jitter"
    assert len(waits) == 2 * 11
    for wait, least in zip(sorted(waits), sorted(2 * doubled[:-1]), strict=True):
        assert least <= wait <= min(least + 2, 128)


@pytest.mark.parametrize(
    ("wish", "seconds"),
    [
        ("120", 120),
        ("0", 0),
        ("", 0),
        ("soon", 0),
        ("-5", 0),
        ("9" * 400, module.LONGEST_WAIT),
        (format_datetime(datetime.fromtimestamp(1e9 + 90, UTC), usegmt=True), 90),
        (format_datetime(datetime.fromtimestamp(1e9 - 90, UTC), usegmt=True), 0),
    ],
)
def test_retry_after(wish, seconds):
    reply = module.httpx.Response(429, headers={"Retry-After": wish})
    assert module._retry_after(reply, 1e9) == seconds


def test_retry_after_is_obeyed(tmp_path, monkeypatch):
    held = []
    monkeypatch.setattr(Pace, "hold", lambda self, seconds: held.append(seconds))
    with PhotoServer(fault=faults(of={1: [("429", "77"), ("503", "7")]})) as server:
        download(server.table([1]), tmp_path, LOCAL, QUICK)
    assert held == [77, 7]


def test_bytes_are_forgotten_one_by_one():
    """60 bytes and again 60: under a limit of 100 an hour only the first have to be forgotten."""
    spent = [(1e9 - 3500, 60), (1e9 - 3400, 60)]
    for limit, opens in ((121, 0), (120, 100), (61, 100), (60, 200)):
        clock, pace = paced(Limits(per_hour=limit), spent)
        pace.turn()
        assert clock.now == pytest.approx(1e9 + opens)
