"""A source's tools: lists of cameras."""
