"""One running gateway: its wiring, its work, and in `filing/` every way in to COMMITS, one file a kind."""
