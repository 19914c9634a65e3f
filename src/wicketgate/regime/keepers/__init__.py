"""Links to keepers, one at a time: the law of them, and what becomes of each."""
