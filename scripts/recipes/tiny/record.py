"""Record keywords in the browser, see waveform, spectrum and features while you speak, and keep them in a store.

Serves one page to this machine alone. The features are those of --config; each clip that is saved becomes a file in
--recordings, and the store is brought up to date.

    python scripts/recipes/tiny/record.py --recordings keywords --store features
"""

from __future__ import annotations

import contextlib
import json
import re
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import click
from panels import NotASound, Panels, decoded

import audiofeat
from audiofeat.errors import AudioFeatError

HERE = Path(__file__).parent
PAGES = {"/": ("page.html", "text/html; charset=utf-8"), "/page.js": ("page.js", "text/javascript; charset=utf-8")}
NAME = re.compile(r"\w[\w -]{0,63}")  # no dot and no slash: a name is never a path
MOST_BYTES = 8 << 20
HEADERS = {
    # Nothing but this page's own script and style, whatever comes into it.
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'unsafe-inline'; connect-src 'self'; "
    "media-src blob:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}


class Refused(Exception):
    """A request that is not answered: a status of HTTP, and the reason."""


class Studio(ThreadingHTTPServer):
    """The server, on the loopback interface only: a microphone is nobody else's business."""

    daemon_threads = True

    def __init__(self, *, config: str | Path, recordings: Path, store: Path, port: int) -> None:
        self.config, self.recordings, self.store = config, recordings, store
        self.panels = Panels(config)
        self.one_at_a_time = threading.Lock()
        super().__init__(("127.0.0.1", port), Handler)
        self.hosts = {f"{name}:{self.server_port}" for name in ("127.0.0.1", "localhost")}

    def shown(self, webm: bytes) -> dict[str, Any]:
        """All panels of a recording, as far as it has got."""
        return self.panels.of(*decoded(webm))

    def saved(self, webm: bytes, name: str) -> dict[str, Any]:
        """Keep a recording under a name, and bring the store up to date."""
        if not NAME.fullmatch(name):
            raise Refused(400, f"{name!r} is no name: up to 64 letters, digits, spaces, - and _")
        decoded(webm)  # what is no sound is not kept
        self.recordings.mkdir(parents=True, exist_ok=True)
        try:
            with (self.recordings / f"{name}.webm").open("xb") as file:
                file.write(webm)
        except FileExistsError as error:
            raise Refused(409, f"there is a recording named {name!r} already") from error
        report = audiofeat.extract(self.recordings, self.store, self.config, workers=1, device="cpu")
        return {"name": name, "clips": report.clips, "failures": report.failures, "store": str(self.store)}


class Handler(BaseHTTPRequestHandler):
    server: Studio
    timeout = 10.0  # seconds that a body may keep us waiting

    def do_GET(self) -> None:
        def page() -> tuple[bytes, str]:
            if self.path not in PAGES:
                raise Refused(404, "there are a page and its script here")
            name, kind = PAGES[self.path]
            return (HERE / name).read_bytes(), kind

        self._answer(page)

    def do_POST(self) -> None:
        def work() -> tuple[bytes, str]:
            # A page of somebody else's may send here whatever it likes, but not under our origin.
            if self.headers.get("Origin") not in {f"http://{host}" for host in self.server.hosts}:
                raise Refused(403, "requests are taken from the page that is served here only")
            address, webm = urlsplit(self.path), self._body()
            with self.server.one_at_a_time:
                if address.path == "/panels":
                    found = self.server.shown(webm)
                elif address.path == "/save":
                    found = self.server.saved(webm, parse_qs(address.query).get("name", [""])[0].strip())
                else:
                    raise Refused(404, "a recording is sent to /panels or /save")
            return json.dumps(found).encode(), "application/json"

        self._answer(work)

    def _body(self) -> bytes:
        length = self.headers.get("Content-Length", "")
        if not re.fullmatch("[0-9]{1,18}", length):
            raise Refused(411, "a recording comes with its length")
        if int(length) > MOST_BYTES:
            raise Refused(413, f"a recording has at most {MOST_BYTES:,} bytes")
        webm = self.rfile.read(int(length))
        if len(webm) < int(length):
            raise Refused(400, "the recording broke off")
        return webm

    def _answer(self, work: Any) -> None:
        try:
            # A name of somebody else's that leads to 127.0.0.1 (DNS rebinding) would make us part of his site.
            if self.headers.get("Host") not in self.server.hosts:
                raise Refused(421, "this is served as 127.0.0.1 and localhost only")
            status, (content, kind) = 200, work()
        except (Refused, NotASound, AudioFeatError, OSError) as error:
            status, reason = error.args if isinstance(error, Refused) else (422, str(error))
            content, kind = json.dumps({"error": reason}).encode(), "application/json"
        self.send_response(status)
        for name, value in {**HEADERS, "Content-Type": kind, "Content-Length": str(len(content))}.items():
            self.send_header(name, value)
        with contextlib.suppress(ConnectionError):  # a page that was closed meanwhile
            self.end_headers()
            self.wfile.write(content)

    def log_message(self, *_: Any) -> None:
        """A line a second would hide what matters."""


@click.command(help=__doc__.partition("\n    ")[0])
@click.option("-c", "--config", default=str(HERE / "tiny.yaml"), help="YAML file or preset.  [default: tiny.yaml]")
@click.option("--recordings", type=click.Path(path_type=Path), default=Path("tiny/keywords"), show_default=True)
@click.option("--store", type=click.Path(path_type=Path), default=Path("tiny/keywords_store"), show_default=True)
@click.option("--port", type=click.IntRange(0, 65_535), default=0, help="0, the default: any that is free.")
def main(config: str, recordings: Path, store: Path, port: int) -> None:
    try:
        studio = Studio(config=config, recordings=recordings, store=store, port=port)
    except (AudioFeatError, OSError) as error:
        raise click.ClickException(str(error)) from error
    click.echo(f"http://127.0.0.1:{studio.server_port}/  (Ctrl-C ends it)")
    try:
        studio.serve_forever()
    except KeyboardInterrupt:
        studio.server_close()


if __name__ == "__main__":
    main()
