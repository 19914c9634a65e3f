"""One running gateway: its wiring, its work, and its ways in to COMMITS.

The ways in lie in `filing/`, one file a kind.
"""
