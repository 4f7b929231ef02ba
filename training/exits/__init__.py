"""Where exits sit, what they cost, and which of them are kept."""
