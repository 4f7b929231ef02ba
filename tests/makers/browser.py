"""A page in a headless browser: what its own script makes of it, and what a visitor's clicks do then."""

import json
import re
import shutil
import subprocess
from html import unescape
from pathlib import Path
from typing import Any

import pytest

BROWSER = next(
    (path for name in ("chromium", "chromium-browser", "google-chrome") if (path := shutil.which(name))), None
)
needs_browser = pytest.mark.skipif(BROWSER is None, reason="no Chromium is installed")

# Written behind the page: it acts as a visitor does and puts what it saw into the title.
_VISITOR = """<script>
const seen = {errors: []};
addEventListener("error", (event) => seen.errors.push(String(event.message)));
setTimeout(() => {
  try { %s } catch (error) { seen.errors.push(String(error)); }
  seen.loaded = performance.getEntriesByType("resource").map((one) => one.name);
  document.title = "SEEN" + JSON.stringify(seen);
}, 50);
</script>"""


def visit(page: str, folder: Path, script: str, *, width: int = 1400) -> dict[str, Any]:
    """Open ``page`` in a window of ``width`` pixels, run ``script``, and return what it wrote into ``seen``."""
    assert BROWSER is not None
    path = folder / "page.html"
    path.write_text(page.replace("</body>", _VISITOR % script + "</body>"), encoding="utf-8")
    command = [
        *(BROWSER, "--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={folder / 'profile'}"),
        *(f"--window-size={width},900", "--virtual-time-budget=2000", "--dump-dom", path.as_uri()),
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    found = re.search(r"<title>SEEN(.*?)</title>", done.stdout, re.DOTALL)
    assert found, done.stdout[:2000] + done.stderr[-2000:]
    seen: dict[str, Any] = json.loads(unescape(found[1]))
    return seen
