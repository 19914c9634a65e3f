"""What leaves: rows, batches, and one durable feed for each authority."""
