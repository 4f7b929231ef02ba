"""What people are told of a run: what is trained on what, and how long it will take."""
