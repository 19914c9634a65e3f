"""The regime: signed documents, their effect and recipients' obligations.

It has what officers sign, whether it may take effect, what it all comes to, and what recipients then owe.

`documents/`, `charter/` and `powers/` are what is signed; `admission/` judges it; `fold` and `standing` are what it
comes to; `obligations/` is what recipients owe.
"""
