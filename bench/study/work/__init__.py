"""Carrying a study out: jobs, where they run, what they leave."""
