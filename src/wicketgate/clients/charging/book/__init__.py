"""The money of charging: payments as they come in, accounts, and one append-only book that sums to the penny."""
