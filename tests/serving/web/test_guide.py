"""The lines of the guide that put a photo to a server by curl."""

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest
import servers
from PIL import Image

GUIDE = Path(__file__).parents[3] / "docs" / "guides" / "serving.md"


@pytest.mark.skipif(not shutil.which("curl"), reason="no curl is installed")
def test_a_photo_gets_an_answer_by_the_lines_of_the_guide(server: servers.Server, tmp_path: Path) -> None:
    Image.new("L", (40, 30), 90).save(tmp_path / "photo.jpg")
    [block] = re.findall(r"```console\n(\$ printf .*?)```", GUIDE.read_text(encoding="utf-8"), re.DOTALL)
    lines = block.replace("127.0.0.1:8000", server.http).replace("models/fashion", "models/tiny").splitlines()
    script = "\n".join(line.removeprefix("$ ") for line in lines)
    done = subprocess.run(["bash", "-c", script], cwd=tmp_path, capture_output=True, text=True, timeout=60, check=True)
    assert [output["name"] for output in json.loads(done.stdout)["outputs"]][:1] == ["prediction"]
