"""The public log: its arithmetic and formats, the one writer, the audit.

Facts, promises and proofs are about what it commits to unseen.
"""
