"""Tables of photographs: from exports with real and hostile rows, from an API made here."""

from __future__ import annotations

import functools
import json
import subprocess
import sys
import threading
import zipfile
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl, urlsplit

import pandas as pd
import pytest
import requests

from parity_nb.snails.files import inaturalist
from parity_nb.snails.files.inaturalist import (
    COLUMNS,
    api_session,
    from_export,
    from_ids,
    from_query,
)

OPEN = "https://inaturalist-open-data.s3.amazonaws.com"

# The columns that iNaturalist's export tool ticks by default, in its order.
DEFAULT_EXPORT = (
    "id,observed_on_string,observed_on,time_observed_at,time_zone,user_id,user_login,user_name,"
    "created_at,updated_at,quality_grade,license,url,image_url,sound_url,tag_list,description,"
    "num_identification_agreements,num_identification_disagreements,captive_cultivated,"
    "oauth_application_id,place_guess,latitude,longitude,positional_accuracy,private_place_guess,"
    "private_latitude,private_longitude,public_positional_accuracy,geoprivacy,taxon_geoprivacy,"
    "coordinates_obscured,positioning_method,positioning_device,species_guess,scientific_name,"
    "common_name,iconic_taxon_name,taxon_id"
)


def export(path, *rows: dict, without=()):
    """Write an export with these rows; what they do not say is that of a usual snail."""
    usual = {
        "observed_on": "2022-06-01",
        "user_login": "gastropod_fan",
        "url": "https://www.inaturalist.org/observations/1",
        "quality_grade": "research",
        "license": "CC-BY-NC",
        "scientific_name": "Cornu aspersum",
        "taxon_id": "480298",
        "description": 'a "quoted" word, a comma\nand a second line',
    }
    table = pd.DataFrame([usual | row for row in rows]).reindex(columns=DEFAULT_EXPORT.split(","))
    table.drop(columns=list(without)).to_csv(path, index=False)
    return path


def photo(number, size="medium", host=OPEN, suffix="jpg"):
    return f"{host}/photos/{number}/{size}.{suffix}"


# --- addresses


@pytest.mark.parametrize("size", inaturalist.SIZES)
@pytest.mark.parametrize(
    ("url", "expected"),
    [
        (photo(12), f"{OPEN}/photos/12/SIZE.jpg"),
        (photo(12, "square", suffix="jpeg"), f"{OPEN}/photos/12/SIZE.jpeg"),
        (
            "https://static.inaturalist.org/photos/678006/thumb.JPG?1392584937",
            "https://static.inaturalist.org/photos/678006/SIZE.JPG",
        ),
    ],
)
def test_another_size_of_a_photograph(url, expected, size):
    assert inaturalist.photo_url(url, size) == expected.replace("SIZE", size)


def test_addresses_and_sizes_that_do_not_exist():
    with pytest.raises(ValueError, match="size = 'huge' is none of square, small, medium, large"):
        inaturalist.photo_url(photo(1), "huge")
    with pytest.raises(ValueError, match=r"'https://live.staticflickr.com/1_b.jpg' is no photogr"):
        inaturalist.photo_url("https://live.staticflickr.com/1_b.jpg", "small")


# --- exports


@pytest.mark.parametrize("zipped", [False, True])
def test_an_export_becomes_a_table(tmp_path, zipped):
    path = export(
        tmp_path / "observations-1.csv",
        {"id": 11, "image_url": photo(101)},
        {"id": 12, "image_url": "", "sound_url": "https://static.inaturalist.org/sounds/1.wav"},
        {"id": 13, "image_url": photo(99), "license": "", "taxon_id": "", "scientific_name": ""},
        {"id": 14, "image_url": photo(101), "observed_on": ""},
    )
    if zipped:
        with zipfile.ZipFile(tmp_path / "observations-1.csv.zip", "w") as archive:
            archive.write(path, path.name)
        path = tmp_path / "observations-1.csv.zip"
    table = from_export(path, size="large")
    assert tuple(table.columns) == COLUMNS
    assert table["observation"].tolist() == [11, 13]
    assert table["photo"].tolist() == [101, 99]
    assert table["url"].tolist() == [photo(101, "large"), photo(99, "large")]
    assert table["licence"].tolist() == ["unknown"] * 2
    assert table["observation_licence"].tolist() == ["CC-BY-NC", "all rights reserved"]
    page = "https://www.inaturalist.org/observations"
    assert table["attribution"][1] == f"(c) gastropod_fan, {page}/13"
    assert table["taxon_id"].tolist() == [480298, 0]
    assert table["date"].tolist() == ["2022-06-01"] * 2
    assert table["quality"].tolist() == ["research"] * 2


HOSTILE = {
    "id": ["../../x", "/etc/passwd", "1\x00", "9" * 4000, "-1", "0", "1.0", "", "=1+1", "١"],
    "image_url": [
        "../../x",
        "/etc/passwd",
        "file:///etc/photos/1/medium.jpg",
        f"{OPEN}/photos/../../medium.jpg",
        f"{OPEN}/photos/1\x00/medium.jpg",
        f"{OPEN}/photos/{'1' * 4000}/medium.jpg",
        f"{OPEN}/photos/1/../../../../x.jpg",
        f"{OPEN}/photos/1/medium.jpg/../../x",
        f"{OPEN}/photos/1/medium.exe",
        "https://user:password@static.inaturalist.org/photos/1/medium.jpg",
        "https://live.staticflickr.com/65535/53104126447_c46ba378dd_o.jpg",
    ],
}


@pytest.mark.parametrize(
    ("column", "value"), [(column, value) for column in HOSTILE for value in HOSTILE[column]]
)
def test_hostile_rows_are_left_out_with_a_warning(tmp_path, column, value):
    rows = [{"id": n, "image_url": photo(100 + n)} for n in (1, 2, 3)]
    path = export(tmp_path / "export.csv", rows[0], rows[1] | {column: value}, rows[2])
    with pytest.warns(UserWarning, match=r"export.csv: 1 row\(s\) left out.*the first: id "):
        table = from_export(path)
    assert table["observation"].tolist() == [1, 3]


def test_an_export_without_columns_says_how_to_get_them(tmp_path):
    path = export(tmp_path / "export.csv", {"id": 1}, without=["image_url", "license"])
    with pytest.raises(ValueError) as caught:
        from_export(path)
    message = str(caught.value)
    assert message.startswith(f"{path} has no column image_url, license; it has id, observed_on_st")
    assert "scientific_name" in message and "step 3 of iNaturalist's export tool" in message


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("empty.csv", b"", "cannot be read as CSV: No columns"),
        ("photo.csv", b"\xff\xd8\xff\xe0\x00\x10JFIF", "cannot be read as CSV: 'utf-8' codec"),
        ("ragged.csv", b"id,url\n1,2,3,4\n1,2,3,4,5\n", "cannot be read as CSV"),
        ("broken.csv.zip", b"PK but no zip file", "cannot be read as CSV: File is not a zip file"),
        ("page.csv", b"<!DOCTYPE html>\n<p>Please log in\n", "has no column id, image_url"),
    ],
)
def test_files_that_are_no_export(tmp_path, name, content, message):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ValueError, match=rf"{name} {message}"):
        from_export(tmp_path / name)


def test_no_file_and_no_row(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"no export .*x.csv: inaturalist.org/observations"):
        from_export(tmp_path / "x.csv")
    path = export(tmp_path / "sounds.csv", {"id": 1, "image_url": ""})
    with pytest.raises(ValueError, match=r"sounds.csv has no row with an observation's number and"):
        from_export(path)


# --- the API


def observation(number: int, photos: list[dict], **changes) -> dict:
    """An observation as the API sends it, shortened."""
    return {
        "id": number,
        "quality_grade": "research",
        "observed_on": "2022-06-01",
        "time_observed_at": "2022-06-01T10:30:00+02:00",
        "created_at": "2022-06-02T00:00:00+00:00",
        "license_code": "cc-by",
        "user": {"id": 5, "login": "gastropod_fan"},
        "taxon": {"id": 480298, "name": "Cornu aspersum", "rank": "species"},
        "location": "52.2,0.1",
        "photos": photos,
    } | changes


def picture(number: int, licence: str | None = "cc-by-nc") -> dict:
    return {
        "id": number,
        "license_code": licence,
        "url": photo(number, "square"),
        "attribution": f"(c) fan, some rights reserved ({licence})",
        "original_dimensions": {"width": 2048, "height": 1536},
    }


class Api:
    """iNaturalist's API: pages of observations by `id_above`, and taxa by name."""

    def __init__(self):
        self.observations: list[dict] = []
        self.taxa: list[dict] = []
        self.asked: list[tuple[str, dict]] = []
        self.wrong: list[int] = []

    def answer(self, path: str, query: dict) -> dict:
        found = self.taxa if path.endswith("taxa") else self.observations
        if "id" in query:
            found = [o for o in found if str(o["id"]) in query["id"].split(",")]
        found = [o for o in found if o["id"] > int(query.get("id_above", 0))]
        page = found[: int(query.get("per_page", 30))]
        return {"total_results": len(found), "page": 1, "per_page": len(page), "results": page}


@pytest.fixture
def api(tmp_path, monkeypatch):
    api = Api()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            parts = urlsplit(self.path)
            query = dict(parse_qsl(parts.query))
            api.asked.append((parts.path, query))
            status = api.wrong.pop(0) if api.wrong else 200
            body = json.dumps(api.answer(parts.path, query) if status == 200 else {}).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args):
            pass

    http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=functools.partial(http.serve_forever, poll_interval=0.01))
    thread.start()
    api.session = api_session(
        cache_file=str(tmp_path / "cache.db"),
        ratelimit_path=str(tmp_path / "rate.db"),
        per_second=500,
        per_minute=5000,
        burst=1,
    )
    adapter = api.session.get_adapter("https://api.inaturalist.org")
    adapter.max_retries = adapter.max_retries.new(backoff_factor=0, backoff_jitter=0)
    send = adapter.send

    def send_here(request, **options):
        assert request.url.startswith("https://api.inaturalist.org/v1/")
        here = f"http://127.0.0.1:{http.server_port}/"
        request.url = request.url.replace("https://api.inaturalist.org/", here)
        return send(request, **options)

    monkeypatch.setattr(adapter, "send", send_here)
    yield api
    api.session.close()
    http.shutdown()
    thread.join()
    http.server_close()


def test_a_query_is_paged_to_its_end(api):
    api.observations = [
        observation(n, [picture(10 * n), picture(10 * n + 1)]) for n in range(1, 451)
    ]
    table = from_query(47485, until="2023-01-31", quality="research", session=api.session)
    assert tuple(table.columns) == COLUMNS
    assert table["observation"].tolist() == [n for n in range(1, 451) for _ in "ab"]
    assert table["photo"].tolist() == [10 * n + i for n in range(1, 451) for i in (0, 1)]
    first = table.iloc[0].to_dict()
    assert first == {
        "observation": 1,
        "photo": 10,
        "url": photo(10),
        "licence": "CC-BY-NC",
        "attribution": "(c) fan, some rights reserved (cc-by-nc)",
        "observation_licence": "CC-BY",
        "taxon_id": 480298,
        "taxon": "Cornu aspersum",
        "date": "2022-06-01",
        "user": "gastropod_fan",
        "quality": "research",
    }
    assert [path for path, _ in api.asked] == ["/v1/observations"] * 3
    assert [query.get("id_above") for _, query in api.asked] == [None, "200", "400"]
    for _, query in api.asked:
        assert query["taxon_id"] == "47485" and query["d2"].startswith("2023-01-31")
        assert query["quality_grade"] == "research" and query["photos"] == "true"
        assert query["per_page"] == "200" and "photo_license" not in query


def test_a_limit_is_kept(api):
    api.observations = [observation(n, [picture(n)]) for n in range(1, 451)]
    assert len(from_query(1, limit=250, session=api.session)) == 250
    assert [query["per_page"] for _, query in api.asked] == ["200", "50"]


def test_the_licence_filter_is_for_each_photograph(api):
    """The API finds observations with at least one such photograph; the others are dropped."""
    shots = [picture(1, "cc0"), picture(2, None), picture(3, "cc-by-nc-nd"), picture(4, "cc-by")]
    api.observations = [observation(1, shots)]
    table = from_query(1, licences=["CC0", "CC-BY"], session=api.session)
    assert table["photo"].tolist() == [1, 4]
    assert api.asked[0][1]["photo_license"] == "CC0,CC-BY"
    everything = from_query(1, session=api.session)
    assert everything["licence"].tolist() == ["CC0", "all rights reserved", "CC-BY-NC-ND", "CC-BY"]


def test_an_export_is_completed_by_number(api, tmp_path):
    api.observations = [observation(n, [picture(n), picture(1000 + n)]) for n in range(1, 301)]
    rows = [{"id": n, "image_url": photo(n)} for n in range(300, 0, -1)] + [
        {"id": 999, "image_url": photo(999)}  # deleted since
    ]
    table = from_ids(
        from_export(export(tmp_path / "export.csv", *rows))["observation"], session=api.session
    )
    assert len(table) == 600 and set(table["licence"]) == {"CC-BY-NC"}
    assert [len(query["id"].split(",")) for _, query in api.asked] == [200, 101]


def test_holes_in_an_answer(api):
    """No taxon, no date, no user, a photograph of two observations, one that is hidden."""
    hidden = picture(3) | {"url": None, "hidden": True}
    nothing = ("taxon", "observed_on", "time_observed_at", "user", "license_code")
    api.observations = [
        observation(1, [picture(1)], **dict.fromkeys(nothing)),
        observation(2, [picture(1), picture(2), hidden]),
        observation(3, []),
    ]
    with pytest.warns(UserWarning, match=r"the API's answer: 1 row\(s\) left out.*address ''"):
        table = from_query(1, session=api.session)
    assert table["photo"].tolist() == [1, 2]
    assert table.loc[0, ["taxon_id", "taxon", "date", "user"]].tolist() == [0, "", "", ""]
    assert table.loc[0, "observation_licence"] == "all rights reserved"


def test_nothing_found_is_an_empty_table(api):
    table = from_query(1, session=api.session)
    assert len(table) == 0 and tuple(table.columns) == COLUMNS


def test_a_taxon_by_name(api):
    api.taxa = [
        {"id": 2, "name": "Helicoidei", "rank": "infraorder"},
        {"id": 3, "name": "Helicoidea", "rank": "superfamily"},
    ]
    api.observations = [observation(1, [picture(1)])]
    assert len(from_query("helicoidea", session=api.session)) == 1
    assert api.asked[-1][1]["taxon_id"] == "3"
    with pytest.raises(
        ValueError, match=r"0 taxa .* 'Helix'; .*Found: Helicoidei \(infraorder, 2\)"
    ):
        from_query("Helix", session=api.session)
    api.taxa.append({"id": 4, "name": "Helicoidea", "rank": "genus"})
    with pytest.raises(ValueError, match=r"2 taxa .*\(superfamily, 3\), Helicoidea \(genus, 4\)"):
        inaturalist.taxon_id("Helicoidea ".strip(), api.session)


def test_unknown_choices_are_refused_before_asking(api):
    with pytest.raises(ValueError, match="quality_grade"):
        from_query(1, quality="good", session=api.session)
    with pytest.raises(ValueError, match="photo_license"):
        from_query(1, licences=["CC-NONE"], session=api.session)
    assert api.asked == []


@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_busy_server_is_asked_again(api, status):
    api.observations = [observation(1, [picture(1)])]
    api.wrong = [status, status]
    assert len(from_query(1, session=api.session)) == 1
    assert len(api.asked) == 3


def test_a_refusal_is_told(api):
    api.wrong = [403]
    with pytest.raises(requests.HTTPError, match="403"):
        from_query(1, session=api.session)


def test_a_session_keeps_the_pace_that_is_asked_for(tmp_path):
    session = api_session(cache_file=str(tmp_path / "c.db"), ratelimit_path=str(tmp_path / "r.db"))
    rates = {(rate.interval, rate.limit) for rate in session.limiter._rates}
    assert {(60, 60), (86400, 10_000)} < rates
    assert min(interval / limit for interval, limit in rates) >= 1
    assert "parity_nb" in session.headers["User-Agent"]


def test_nobody_else_prints_through_rich():
    """Pyinaturalist installs a pretty printer on import, which empties the figures of a page."""
    code = "import sys, parity_nb.snails.files.inaturalist as _; "
    code += "print(sys.displayhook is sys.__displayhook__)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout == "True\n", done.stderr
