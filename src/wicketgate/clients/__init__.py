"""Programs on other people's machines.

They share nothing with a running gateway.

`verify/` checks from outside, `recipient/` receives, `officer/` drafts and signs.
"""
