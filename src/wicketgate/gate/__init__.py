"""The decision: reads and authorities to releases and refusals, and why."""
