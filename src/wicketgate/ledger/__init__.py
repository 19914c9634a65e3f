"""The public log: its arithmetic, its formats, the one writer, the audit, and what it commits to unseen."""
