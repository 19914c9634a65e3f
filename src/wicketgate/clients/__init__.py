"""Programs on other people's machines, which share nothing with a running gateway.

`verify/` checks from outside, `recipient/` receives, `officer/` drafts and signs.
"""
