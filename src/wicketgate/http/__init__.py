"""The gateway over HTTP: the API, the public pages and the log's files."""
