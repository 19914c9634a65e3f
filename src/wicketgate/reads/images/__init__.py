"""Images: their store, their references, their joining to reads."""
