"""This computer: what is installed, which GPUs and cores there are, and what is kept for it."""
