"""The judgement of signed documents before they take effect."""
