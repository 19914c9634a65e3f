"""The ground under every room: errors, clock, spans of time, keys, settings, streams.

No word of the glossary stands here.
"""
