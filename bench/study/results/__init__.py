"""What the records of a study say together: curves, budget tables, differences between regimes, compute."""
