"""What every room stands on: errors, the clock, spans of time, keys and canonical JSON, settings, the streams.

No word of the glossary stands here.
"""
