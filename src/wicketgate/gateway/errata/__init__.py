"""Errata of a running gateway: who got a read that was wrong, and what each of them is told."""
