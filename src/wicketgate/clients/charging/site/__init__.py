"""The site of a charging scheme: for drivers and keepers, and for the people who review and decide."""
