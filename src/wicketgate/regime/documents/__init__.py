"""Signed documents, one file a kind of value."""
