"""The routes of pages."""
