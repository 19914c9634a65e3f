"""Which part of a gateway runs here: the one that leads, and the one that waits."""
