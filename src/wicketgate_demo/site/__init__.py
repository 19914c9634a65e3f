"""Show the invented London on the gateway's own site: a first page that moves, one day under each mode."""
