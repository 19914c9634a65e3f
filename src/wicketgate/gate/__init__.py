"""The decision on reads under authorities, and its reasons."""
