"""HTML from the register and from hits; no gateway behind it."""
