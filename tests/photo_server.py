"""A server of photographs on this machine that misbehaves as told and counts what it sends.

Shared by the tests of the download and by `benchmarks/download.py`.
"""

from __future__ import annotations

import functools
import hashlib
import io
import threading
from collections import Counter
from collections.abc import Callable
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image

from parity_nb.snails.files.download import read_manifest
from parity_nb.snails.files.inaturalist import COLUMNS

Fault = str | tuple[str, str]
"""What goes wrong with one request: an HTTP status such as "404"; (status, Retry-After);
("301", address); "cut": the connection is closed half-way; "slow": it stalls half-way until the
server stops; "html": a page instead of a picture; "" nothing."""


@functools.cache
def jpeg(number: int, pixels: int = 16) -> bytes:
    """A JPEG file of noise, another one for each number."""
    levels = np.random.default_rng(number).integers(0, 256, (pixels, pixels, 3), dtype=np.uint8)
    file = io.BytesIO()
    Image.fromarray(levels).save(file, "JPEG")
    return file.getvalue()


def changed(folder: Path) -> pd.DataFrame:
    """The manifest's rows whose photograph is gone or has another checksum; reads every file."""
    rows = read_manifest(folder)
    rows = rows[rows["status"] == "ok"]
    files = [folder / file for file in rows["file"]]
    now = [hashlib.sha256(f.read_bytes()).hexdigest() if f.is_file() else "" for f in files]
    return rows[rows["sha256"] != now]


class PhotoServer:
    """Serves `picture(number)` at /photos/<number>/<size>.jpg, to be used in a `with`.

    Args:
        picture: the file of a photograph.
        fault: what goes wrong with the n-th request (0, 1, ...) for a photograph.

    Attributes:
        url: address of the server.
        asked: for each number, how many requests came, refused ones too.
        sent: for each number, how many times its file was sent to the end.
        ranges: the Range header of each request that had one.
        resumes: whether Range is honoured.
    """

    def __init__(
        self,
        picture: Callable[[int], bytes] = jpeg,
        fault: Callable[[int, int], Fault] = lambda number, n: "",
    ):
        self.picture, self.fault = picture, fault
        self.asked, self.sent, self.ranges, self.resumes = Counter(), Counter(), [], True
        self.lock, self.closing = threading.Lock(), threading.Event()
        self._http = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._thread = threading.Thread(
            target=functools.partial(self._http.serve_forever, poll_interval=0.01)
        )
        self.url = f"http://127.0.0.1:{self._http.server_port}"

    def __enter__(self) -> PhotoServer:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.closing.set()
        self._http.shutdown()
        self._thread.join()
        self._http.server_close()

    def table(self, numbers) -> pd.DataFrame:
        """A table of these photographs, as `parity_nb.snails.files.inaturalist` makes them."""
        table = pd.DataFrame({"photo": list(numbers)}).assign(**dict.fromkeys(COLUMNS[3:], "x"))
        return table.assign(
            observation=table["photo"] // 2 + 1,
            taxon_id=1,
            url=[f"{self.url}/photos/{number}/medium.jpg" for number in table["photo"]],
        )[list(COLUMNS)]

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        server = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                number = int(self.path.split("/")[2])
                with server.lock:
                    fault = server.fault(number, server.asked[number])
                    server.asked[number] += 1
                    if span := self.headers.get("Range"):
                        server.ranges.append(span)
                status, wish = (fault, "") if isinstance(fault, str) else fault
                if status.isdigit():
                    self.refuse(int(status), wish)
                else:
                    self.serve(b"<html>" if status == "html" else server.picture(number), status)
                    if status in ("", "html"):
                        with server.lock:
                            server.sent[number] += 1

            def refuse(self, status: int, wish: str):
                self.send_response(status)
                if wish:
                    self.send_header("Location" if status < 400 else "Retry-After", wish)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def serve(self, body: bytes, fault: str):
                tag = f'"{hashlib.md5(body).hexdigest()}"'
                start = 0
                if server.resumes and self.headers.get("If-Range") == tag:
                    start = int(self.headers["Range"].removeprefix("bytes=").removesuffix("-"))
                self.send_response(206 if start else 200)
                if start:
                    self.send_header("Content-Range", f"bytes {start}-{len(body) - 1}/{len(body)}")
                self.send_header("Content-Length", str(len(body) - start))
                self.send_header("ETag", tag)
                self.send_header("Last-Modified", formatdate(0, usegmt=True))
                self.end_headers()
                if fault in ("cut", "slow"):
                    self.wfile.write(body[start : (start + len(body)) // 2])
                    self.wfile.flush()
                    if fault == "slow":
                        server.closing.wait()
                    self.close_connection = True
                else:
                    self.wfile.write(body[start:])

            def log_message(self, *args):
                pass

            def handle(self):
                try:
                    super().handle()
                except (ConnectionError, TimeoutError):  # the client was killed, or gave up
                    self.close_connection = True

        return Handler
