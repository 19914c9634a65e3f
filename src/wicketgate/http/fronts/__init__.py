"""Fronts: processes that take what sources send, parse and check it, and hand columns to the gateway."""
