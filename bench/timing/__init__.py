"""The clock, and what is timed."""
