"""Judge whether a signed document may take effect."""
