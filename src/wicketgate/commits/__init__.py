"""COMMITS: transactions, their fold, its figures and register.

One place alone appends to it.
"""
