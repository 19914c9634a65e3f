"""Judge a finished run by the five laws."""
