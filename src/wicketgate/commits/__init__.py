"""COMMITS: transactions, the fold of them, its figures and its register, and the one place that appends."""
