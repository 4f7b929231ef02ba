"""Classify every image of a folder and say how many left at each exit. A folder is made first, to have one."""

from collections import Counter
from pathlib import Path

from PIL import Image

import eeinfer
from eeinfer import samples

folder = Path("to_classify")
folder.mkdir(exist_ok=True)
for number, image in enumerate(samples.images()[0][:20]):
    Image.fromarray(image).save(folder / f"{number}.png")

# %% One image at a time: each leaves at its first exit that is sure enough.
engine = eeinfer.load(tau=0.9)  # or the path of a bundle of yours
names = engine.manifest.classes
exits = Counter[int]()
for path in sorted(folder.glob("*.png")):
    result = engine(Image.open(path))
    exits[int(result.exits[0])] += 1
    print(f"{path.name:8} {names[result.predictions[0]]:12} score {result.scores[0]:.3f}, {result.latency_ms:.2f} ms")
print("left at exits:", dict(sorted(exits.items())))
