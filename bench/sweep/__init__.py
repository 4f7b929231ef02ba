"""Operating points: what a cascade answers and costs at each threshold, from one pass."""
