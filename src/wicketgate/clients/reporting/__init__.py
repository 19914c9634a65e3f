"""Reports that anybody rebuilds from the public log: of three months, of a year, for a review, of who has access."""
