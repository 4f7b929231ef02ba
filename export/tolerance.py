"""How far an exported network may be off."""

TOLERANCE = 1e-4  # largest absolute error of a float32 logit against torch, relative to the largest logit beyond 1
