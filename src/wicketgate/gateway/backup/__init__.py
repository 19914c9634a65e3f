"""Backup and restore of a running deployment: one consistent cut, encrypted, and written again only where it is new."""
