"""What an engine sees in the field: where rows leave, with which scores, how fast; and whether a promise still fits."""

from eeinfer.watching.ground import Ground as Ground
from eeinfer.watching.ground import ground as ground
from eeinfer.watching.record import ExitWatch as ExitWatch
from eeinfer.watching.record import Watch as Watch
