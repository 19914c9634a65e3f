"""Penalties of charging: what people look at first, and the life of a case by its clocks."""
