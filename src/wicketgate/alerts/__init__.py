"""Alerts: who is told of what, kept until it is sent, and sent from a process of its own.

docs/spec/alerts.md.
"""
