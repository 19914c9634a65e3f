"""Every way in to COMMITS, one file a kind."""
