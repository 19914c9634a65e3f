"""Images: their store, their references, and what joins them to reads."""
