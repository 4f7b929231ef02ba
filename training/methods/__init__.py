"""Methods: head type, combination across exits, loss and score, one small file per system."""
