"""The history: accepted reads for their source's retention, and what may be asked of it.

`questions` is pure. The engine lives in one process (`process`); everybody else asks that one. docs/spec/history.md.
"""
