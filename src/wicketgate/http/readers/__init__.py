"""Readers over HTTP: processes that serve what is public, and feeds, beside the gateway."""
