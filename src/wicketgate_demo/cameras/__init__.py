"""Simulated cameras that speak real wire formats."""
