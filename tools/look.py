"""Open every page of the built book as a reader would, and fail on what a reader would trip over.

    python tools/look.py [FOLDER]      FOLDER: the built book, _build/html if not given

Each page is opened in headless Chromium, light and dark, at 1280 and 390 pixels. Reported: console errors, requests to
another host, answers of 400 and more, and pages wider than the window. Screenshots go to _build/look/. The browser is
the system's own (CHROMIUM names it where it is not found).
"""

import contextlib
import functools
import http
import http.server
import os
import re
import shutil
import sys
import threading
from pathlib import Path
from urllib.parse import urlsplit

from hygiene import ROOT
from playwright.sync_api import Browser, sync_playwright

WIDTHS = (1280, 390)
SCHEMES = ("light", "dark")
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome")
SCREENSHOTS = ROOT / "_build" / "look"
# What sticks out to the right of the window, although nothing around it scrolls or hides it.
OVERFLOW = """() => {
  const wide = document.documentElement.clientWidth;
  if (document.documentElement.scrollWidth <= wide) return [];
  const held = e => e && e !== document.body && (getComputedStyle(e).overflowX !== 'visible' || held(e.parentElement));
  return [...document.querySelectorAll('body *')]
    .filter(e => e.getBoundingClientRect().right > wide + 1 && !held(e.parentElement))
    .slice(0, 3).map(e => e.tagName.toLowerCase() + '.' + e.className).concat('the page');
}"""


class Quiet(http.server.SimpleHTTPRequestHandler):
    """Serves the book without a line for each request."""

    def log_message(self, *arguments) -> None:
        """Say nothing."""

    def do_GET(self) -> None:
        """Answer; an icon that the browser looks for of itself at the root is nothing that a page asked for."""
        if self.path == "/favicon.ico":
            self.send_response(http.HTTPStatus.NO_CONTENT)
            self.end_headers()
        else:
            super().do_GET()

    def handle(self) -> None:
        """Answer, and do not mind a browser that has gone on to another page."""
        with contextlib.suppress(ConnectionError):
            super().handle()


def serve(folder: Path) -> http.server.ThreadingHTTPServer:
    """The folder, served at a free port of this machine."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=str(folder)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server


def find_browser() -> str:
    """The path of a Chromium, or the end of the program with what to do."""
    found = os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, BROWSERS)), None)
    return found or sys.exit("No Chromium was found: install one, or name it with CHROMIUM=/path/to/it.")


def pages(folder: Path) -> list[str]:
    """Every page of the built book, its slides and the page for missing addresses included."""
    skipped = ("_static/", "_sources/")
    names = (path.relative_to(folder).as_posix() for path in folder.rglob("*.html"))
    return sorted(name for name in names if not name.startswith(skipped))


def look(browser: Browser, home: str, name: str, width: int, scheme: str) -> list[str]:
    """Open one page in one way, keep its picture, return what is wrong with it."""
    found = []
    context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)
    page = context.new_page()
    page.on("console", lambda message: message.type == "error" and found.append(f"console: {message.text}"))
    page.on("pageerror", lambda error: found.append(f"error: {error}"))
    page.on("request", lambda request: foreign(request.url, home) and found.append(f"asks {request.url}"))
    page.on("response", lambda answer: answer.status >= 400 and found.append(f"{answer.status} for {answer.url}"))
    page.goto(f"{home}/{name}", wait_until="load")
    page.wait_for_timeout(300)  # time for a redirection, and for formulas to begin
    page.evaluate("async () => { await document.fonts.ready; await window.MathJax?.startup?.promise; return 0; }")
    slides = name.startswith("slides/")
    if not slides and (sticking := page.evaluate(OVERFLOW)):
        found.append(f"wider than {width} pixels: {', '.join(sticking)}")
    picture = SCREENSHOTS / f"{re.sub(r'[/.]', '-', name.removesuffix('.html'))}-{width}-{scheme}.png"
    page.screenshot(path=picture, full_page=not slides)
    context.close()
    return [f"{name} at {width}, {scheme}: {line}" for line in dict.fromkeys(found)]


def foreign(url: str, home: str) -> bool:
    """Whether an address is on another host. Data that a page carries in itself is not."""
    parts = urlsplit(url)
    return parts.scheme not in ("data", "blob") and parts.netloc != urlsplit(home).netloc


def main(folder: Path) -> int:
    """Look at every page in every way; the number of things that are wrong."""
    if not (folder / "index.html").is_file():
        sys.exit(f"There is no book in {folder}: make book builds it.")
    shutil.rmtree(SCREENSHOTS, ignore_errors=True)
    SCREENSHOTS.mkdir(parents=True)
    server = serve(folder)
    home = f"http://127.0.0.1:{server.server_port}"
    found = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=find_browser(), args=["--no-sandbox"])
        names = pages(folder)
        for name in names:
            for width in WIDTHS:
                for scheme in SCHEMES:
                    found += look(browser, home, name, width, scheme)
        browser.close()
    server.shutdown()
    print("\n".join(found))
    ways = len(WIDTHS) * len(SCHEMES)
    print(f"{len(names)} pages, each seen {ways} ways: {len(found)} complaints. Pictures: {SCREENSHOTS}")
    return len(found)


if __name__ == "__main__":
    sys.exit(bool(main(Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "_build" / "html")))
