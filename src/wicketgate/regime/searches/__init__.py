"""Questions to the past: what the law lets be asked, by whom it is approved, and how good a reason is."""
