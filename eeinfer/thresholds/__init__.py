"""Thresholds that keep a promise, chosen from every exit's answers: statistics on plain arrays, with NumPy alone.

No bundle is needed: ``choose`` works for any cascade whose rows leave at the first exit with a score above tau.
"""

from eeinfer.thresholds.choice import Choice as Choice
from eeinfer.thresholds.choice import Outcome as Outcome
from eeinfer.thresholds.choosing import choose as choose
from eeinfer.thresholds.promises import Promise as Promise
from eeinfer.thresholds.retuner import Retuner as Retuner
