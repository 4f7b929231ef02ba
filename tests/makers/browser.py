"""Pages in a headless browser: what their own scripts make of them, and what a visitor's clicks do then."""

import json
import re
import shutil
import subprocess
from collections.abc import Mapping
from html import unescape
from pathlib import Path
from typing import Any

import pytest

BROWSER = next(
    (path for name in ("chromium", "chromium-browser", "google-chrome") if (path := shutil.which(name))), None
)
needs_browser = pytest.mark.skipif(BROWSER is None, reason="no Chromium is installed")

# Written behind a page: it acts as a visitor does and tells the page around it what it saw.
_VISITOR = """<script>
const seen = {errors: []};
addEventListener("error", (event) => seen.errors.push(String(event.message)));
setTimeout(() => {
  try { %s } catch (error) { seen.errors.push(String(error)); }
  seen.loaded = performance.getEntriesByType("resource").map((one) => one.name);
  parent.postMessage([Number(location.hash.slice(1)), seen], "*");
}, 50);
</script>"""
# The page around them: a frame has any width, where a window of a headless browser has 500 pixels or more.
_AROUND = """<!doctype html><title>waiting</title><script>
const told = {}, frames = %s;
addEventListener("message", ({data: [number, seen]}) => {
  told[number] = seen;
  if (Object.keys(told).length === frames.length) document.title = "SEEN" + JSON.stringify(told);
});
frames.forEach(([file, width], number) => {
  const frame = document.createElement("iframe");
  frame.style = `position: absolute; border: 0; height: 900px; width: ${width}px`;
  frame.src = `${file}#${number}`;
  document.documentElement.append(frame);
});
</script>"""


def visit(
    pages: Mapping[str, str], folder: Path, script: str, widths: tuple[int, ...]
) -> dict[tuple[str, int], dict[str, Any]]:
    """Open every page at each of the ``widths`` in pixels, run ``script``, and return what it wrote into ``seen``."""
    assert BROWSER is not None
    for name, page in pages.items():
        text = page.replace("</body>", _VISITOR % script + "</body>")
        (folder / f"{name}.html").write_text(text, encoding="utf-8")
    visits = [(name, width) for name in pages for width in widths]
    around = folder / "around.html"
    around.write_text(_AROUND % json.dumps([(f"{name}.html", width) for name, width in visits]), encoding="utf-8")
    command = [
        *(BROWSER, "--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={folder / 'profile'}"),
        *("--window-size=1500,950", "--virtual-time-budget=5000", "--dump-dom", around.as_uri()),
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    found = re.search(r"<title>SEEN(.*?)</title>", done.stdout, re.DOTALL)
    assert found, done.stdout[:2000] + done.stderr[-2000:]
    told: dict[str, dict[str, Any]] = json.loads(unescape(found[1]))
    return {place: told[str(number)] for number, place in enumerate(visits)}
