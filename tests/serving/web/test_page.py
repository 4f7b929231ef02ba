"""The page at /: one file that needs no other; in a browser an image goes through all exits, and tau moves."""

import urllib.request
from pathlib import Path

import numpy as np
import servers
from browser import needs_browser
from tab import tab

import eeinfer

# A grey image of 8 x 8 pixels, drawn by the browser and dropped as a visitor drops a file.
DROP = """(async () => {
  const canvas = new OffscreenCanvas(8, 8), pen = canvas.getContext("2d");
  for (let i = 0; i < 64; i++) { pen.fillStyle = `rgb(${4 * i},${4 * i},${4 * i})`; pen.fillRect(i % 8, i >> 3, 1, 1); }
  const blob = await canvas.convertToBlob({type: "image/png"}), moved = new DataTransfer();
  moved.items.add(new File([blob], "grey.png", {type: "image/png"}));
  const how = {dataTransfer: moved, bubbles: true, cancelable: true};
  document.getElementById("drop").dispatchEvent(new DragEvent("drop", how));
})()"""
ROWS = "[...document.querySelectorAll('#exits tbody tr')]"
MOVE = "document.getElementById('tau').value = {}; document.getElementById('tau').oninput()"


def test_the_page_is_one_file_that_may_load_nothing_else(server: servers.Server) -> None:
    with urllib.request.urlopen(f"http://{server.http}/", timeout=20) as reply:
        text, policy = reply.read().decode(), reply.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "/*" not in text.partition("<script>")[0].partition("<style>")[0]
    for word in ('<link rel="stylesheet"', "<script src", "https://", "@import", "url("):
        assert word not in text, word


@needs_browser
def test_an_image_goes_through_all_exits_and_tau_says_where_it_leaves(
    server: servers.Server, tiny_bundle: Path, tmp_path: Path
) -> None:
    grey = np.arange(0, 256, 4, dtype=np.uint8).reshape(8, 8)
    classes = eeinfer.load(tiny_bundle, threads=1).manifest.classes
    said = [answer.prediction for answer in eeinfer.load(tiny_bundle, threads=1).anytime(grey)]
    with tab(tmp_path) as page:
        page.resize(400)
        page.do("Page.navigate", url=f"http://{server.http}/")
        page.until("document.querySelectorAll('#models button').length == 3")
        page.run("[...document.querySelectorAll('#models button')].find((one) => one.textContent == 'tiny').click()")
        page.until("document.getElementById('name').textContent == 'tiny'")
        page.run(DROP)
        page.until(f"{ROWS}.length == {len(said)}")
        assert page.run(f"{ROWS}.map((row) => row.cells[1].textContent)") == [classes[k] for k in said]
        for tau, leaves in ((0, 0), (1, len(said) - 1)):
            page.run(MOVE.format(tau))
            assert page.run(f"{ROWS}.findIndex((row) => row.className == 'here')") == leaves
        page.until("document.getElementById('counts').textContent.includes('answered')")
        assert page.run("document.getElementById('trouble').textContent") == ""
        assert page.run("document.documentElement.scrollWidth <= innerWidth")
        page.run("[...document.querySelectorAll('#models button')].find((one) => one.textContent == 'words').click()")
        page.until("document.getElementById('name').textContent == 'words' && document.getElementById('try').hidden")
