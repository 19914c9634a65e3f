"""Simulated cameras with real wire formats."""
