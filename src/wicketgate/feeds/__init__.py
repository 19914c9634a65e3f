"""The way out: rows, batches, and one durable feed for each authority."""
