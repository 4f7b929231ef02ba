"""Thresholds that keep a promise, from plain arrays: half of the images choose, the other half is told about."""

import numpy as np

import eeinfer
from eeinfer import samples
from eeinfer.rule import exits_at

images, labels = samples.images()
with eeinfer.load() as engine:
    every = engine.all_exits(images)  # scores and predictions [N, E], as if nobody had left
choosing, telling = np.split(np.random.default_rng(0).permutation(len(labels)), 2)

# %% At most two points lost against the last exit, 95 % sure.
found = eeinfer.thresholds.choose(every.scores[choosing], every.predictions[choosing], labels[choosing], max_loss=0.02)
print(f"thresholds {found.taus}, at most {found.upper:.2%} lost at this confidence")

# %% What that does on images that had no part in it.
if found.taus is not None:
    left = exits_at(every.scores[telling], found.taus)
    right = every.predictions[telling, left] == labels[telling]
    full = every.predictions[telling, -1] == labels[telling]
    print(f"{right.mean():.1%} right, {full.mean():.1%} without early exits; {np.mean(left == 0):.0%} leave at exit 0")
