"""The page as one file that needs no other: its style, its script and the samples are written into it."""

import base64
import io
import json
from functools import cache
from importlib import resources
from typing import Any

from eeinfer import samples
from eeinfer.bundle.folder import Bundle
from eeinfer.errors import BundleError

HEADERS = {
    "content-security-policy": "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; "
    "img-src data: blob:; connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
}
_SAMPLES = 10


@cache
def page() -> bytes:
    """Return the HTML."""
    folder = resources.files(__package__)
    text = folder.joinpath("page.html").read_text("utf-8")
    for name in ("page.css", "page.js"):
        text = text.replace(f"/*{name}*/", folder.joinpath(name).read_text("utf-8"))
    given = json.dumps(_given()).replace("<", "\\u003c")  # a class's name may not end the script
    return text.replace("/*given*/", given).encode()


def _given() -> dict[str, Any]:
    """Return the shipped images, an image of each class, for models that know these classes; none where none ship."""
    try:
        classes = Bundle.open(samples.bundle_path(), verify=False).manifest.classes
        images, labels = samples.images()
    except BundleError:
        return {"classes": [], "samples": []}
    first = [labels.tolist().index(k) for k in range(min(_SAMPLES, len(classes)))]
    return {"classes": list(classes), "samples": [{"png": _png(images[i]), "label": classes[labels[i]]} for i in first]}


def _png(image: Any) -> str:
    from PIL import Image

    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, "PNG")
    return base64.b64encode(buffer.getvalue()).decode()
