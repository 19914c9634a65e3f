"""The invented London on the gateway's own site.

It adds a first page that moves, and one day under each mode.
"""
