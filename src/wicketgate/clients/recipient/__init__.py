"""A recipient's client: checked batches, and where it keeps rows."""
