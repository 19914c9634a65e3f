"""The keeper desk of a running gateway: one shown row, one cause, one keeper."""
