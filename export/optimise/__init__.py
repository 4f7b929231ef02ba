"""Making the optimised form of a bundle: its graph optimised whole for one machine, then cut."""
