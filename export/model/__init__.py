"""What is known of the caller's model: what it reads, what it returns, and how to work on it without changing it."""
