"""Custody: the history that a recipient keeps of what a bulk feed released, under the questions of its authority."""
