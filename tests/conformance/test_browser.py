"""A web page of another site in a real browser: refused, allowed, refused again.

Source: Chromium's ``--host-resolver-rules``, which gives the page a name of
its own although everything happens on this machine.
"""

from __future__ import annotations

import json
import queue
import shutil
import subprocess
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "chrome"))), None)
PATIENCE_S = 60

pytestmark = [
    pytest.mark.conformance,
    pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed"),
]

PAGE = """<!doctype html><title>A page of another site</title><script>
const body = JSON.stringify({model: "tiny", messages: [{role: "user", content: "<|text|>"}]});
async function attempt() {
  try {
    const headers = {"Content-Type": "application/json"};
    const answer = await fetch("API/api/chat", {method: "POST", headers, body});
    const reader = answer.body.getReader(), decoder = new TextDecoder();
    let text = "";
    for (;;) {
      const {done, value} = await reader.read();
      if (done) return {lines: text.trim().split("\\n").map((line) => JSON.parse(line))};
      text += decoder.decode(value, {stream: true});
    }
  } catch (error) {
    return {error: error.name};
  }
}
(async () => {
  do await fetch("/report", {method: "POST", body: JSON.stringify(await attempt())});
  while ((await (await fetch("/next")).text()) === "again");
})();
</script>"""


class Site:
    """The web site of the page: gives orders to the page and gets its reports."""

    def __init__(self, api: str) -> None:
        self.reports: queue.Queue[dict[str, Any]] = queue.Queue()
        self.orders: queue.Queue[str] = queue.Queue()
        page = PAGE.replace("API", api).encode()
        site = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                if self.path == "/next":
                    self._send(site.orders.get().encode())
                else:
                    self._send(page if self.path == "/" else b"", "text/html")

            def do_POST(self) -> None:
                size = int(self.headers["Content-Length"])
                site.reports.put(json.loads(self.rfile.read(size)))
                self._send(b"")

            def _send(self, content: bytes, kind: str = "text/plain") -> None:
                self.send_response(200)
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.origin = f"http://page.example:{self.server.server_port}"
        self.thread = threading.Thread(target=self.server.serve_forever)
        self.thread.start()

    def again(self) -> dict[str, Any]:
        """Let the page try once more; what came of it."""
        self.orders.put("again")
        return self.reports.get(timeout=PATIENCE_S)

    def close(self) -> None:
        """Let the page and the site end."""
        self.orders.put("enough")
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()


@pytest.fixture
def site(serving: Any, tmp_path: Path) -> Iterator[Site]:
    """A site whose page a browser has opened."""
    found = Site(serving.url)
    assert CHROMIUM is not None
    browser = subprocess.Popen(
        [
            CHROMIUM,
            "--headless=new",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-dev-shm-usage",
            "--no-first-run",
            "--remote-debugging-port=0",
            f"--user-data-dir={tmp_path / 'profile'}",
            "--host-resolver-rules=MAP page.example 127.0.0.1",
            found.origin,
        ],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    yield found
    browser.terminate()
    browser.wait(PATIENCE_S)
    found.close()


def test_a_page_is_let_in_without_a_restart_and_put_out_again(serving: Any, site: Site) -> None:
    assert site.reports.get(timeout=PATIENCE_S) == {"error": "TypeError"}
    for decision in ("once", "always"):
        serving.decide(site.origin, decision)
        lines = site.again()["lines"]
        text = "".join(line["message"]["content"] for line in lines)
        assert text == "Hello there friend."
        assert [line["done"] for line in lines] == [False] * (len(lines) - 1) + [True]
    serving.decide(site.origin, "never")
    assert site.again() == {"error": "TypeError"}
