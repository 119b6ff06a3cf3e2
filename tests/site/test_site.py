"""The built site of the smoke book: complete, self-contained, and its numbers from records."""

import json
import re
import shutil
import subprocess
from functools import cache
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from bs4 import BeautifulSoup
from conftest import ROOT

from parity_nb.making.chapters import toc_files
from parity_nb.records import format_number

PAGES = toc_files(ROOT)
CHAPTERS = [page for page in PAGES if page.startswith("notebooks/")]


@pytest.fixture(scope="module")
def site(smoke) -> Path:
    """The built site; the build itself fails on any Sphinx warning."""
    return smoke / "site"


@cache
def soup(path: Path) -> BeautifulSoup:
    return BeautifulSoup(path.read_text(encoding="utf-8"), "html.parser")


@cache
def ids(path: Path) -> set[str]:
    return {element["id"] for element in soup(path).find_all(id=True)}


def test_every_page_is_built(site):
    assert (site / "index.html").is_file()
    for page in PAGES:
        assert (site / f"{page}.html").is_file()


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_somewhere(page, site):
    path = site / f"{page}.html"
    for tag, attribute in (("a", "href"), ("img", "src"), ("iframe", "src"), ("link", "href"),
                           ("script", "src"), ("source", "src"), ("video", "src")):  # fmt: skip
        for element in soup(path).find_all(tag):
            url = urlsplit(element.get(attribute) or "")
            if url.scheme or url.netloc:
                continue
            target = (path.parent / unquote(url.path)).resolve() if url.path else path
            assert target.exists(), f"{page}: {element}"
            if tag == "a" and url.fragment and target.suffix == ".html":
                assert unquote(url.fragment) in ids(target), f"{page}: {element}"


@pytest.mark.parametrize("page", PAGES)
def test_nothing_is_loaded_from_the_network(page, site):
    for tag, attribute in (("script", "src"), ("link", "href"), ("img", "src"), ("iframe", "src")):
        for element in soup(site / f"{page}.html").find_all(tag):
            if tag == "link" and "stylesheet" not in element.get("rel", []):
                continue
            assert not urlsplit(element.get(attribute) or "").netloc, element


def test_styles_load_nothing_from_the_network(site):
    for path in site.rglob("*.css"):
        text = path.read_text(encoding="utf-8", errors="replace")
        assert not re.search(r"(@import|url\()\s*[\"']?(https?:)?//", text), path


def test_math_is_set_by_the_sites_own_mathjax(site):
    pages = [soup(site / f"{page}.html") for page in PAGES]
    with_math = [page for page in pages if page.find(class_="math")]
    assert with_math
    for page in with_math:
        sources = [s.get("src") or "" for s in page.find_all("script")]
        assert any("_static/mathjax/tex-chtml.js" in source for source in sources)
    assert list((site / "_static/mathjax/output/chtml/fonts/woff-v2").glob("*.woff"))


@pytest.mark.parametrize("page", CHAPTERS)
def test_recorded_numbers_stand_on_the_page(page, site, smoke):
    """What a chapter records, it prints; so the page shows what tables are made of."""
    text = soup(site / f"{page}.html").get_text()
    folder = smoke / "records" / page.removeprefix("notebooks/")
    runs = [json.loads(path.read_text(encoding="utf-8")) for path in folder.glob("*.json")]
    lines = [
        [f"{n['name']} = {format_number(n['value'], n['error'], n['unit'])}" for n in r["numbers"]]
        for r in runs
    ]
    assert any(all(line in text for line in run) for run in lines)


@pytest.mark.parametrize("page", CHAPTERS)
def test_figures_carry_their_alt_text(page, site):
    for figure in soup(site / f"{page}.html").select("article figure"):
        assert figure.find("figcaption")
        assert all(image.get("alt", "").strip() for image in figure.find_all("img"))


def test_executed_pages_do_not_ask_for_make_book(site):
    assert "were not executed" not in (site / "index.html").read_text(encoding="utf-8")
    assert "were not executed" not in soup(site / f"{PAGES[0]}.html").get_text()


CHROMIUM = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), ""
)


@pytest.mark.skipif(not CHROMIUM, reason="no Chromium on this machine")
@pytest.mark.parametrize("page", CHAPTERS)
def test_pages_render_without_network(page, site, tmp_path):
    """In a browser that can reach nothing but files, every formula is typeset."""
    done = subprocess.run(
        [CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic",
         "--no-first-run", "--disable-background-networking", "--disable-component-update",
         "--disable-sync", f"--user-data-dir={tmp_path}", "--host-resolver-rules=MAP * ~NOTFOUND",
         "--virtual-time-budget=20000", "--dump-dom", (site / f"{page}.html").as_uri()],
        capture_output=True,
        text=True,
        timeout=300,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    dom = BeautifulSoup(done.stdout, "html.parser")
    formulas = dom.select("article .math")
    assert all(formula.find("mjx-container") for formula in formulas)
    assert not dom.find("mjx-merror")
