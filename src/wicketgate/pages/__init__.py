"""HTML from the register and from hits, without a gateway behind it."""
