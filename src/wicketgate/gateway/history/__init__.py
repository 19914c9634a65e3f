"""The history of a running gateway: its process, and what it is handed."""
