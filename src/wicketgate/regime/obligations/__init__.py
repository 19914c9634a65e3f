"""Recipients' obligations: disclosures and deletion receipts."""
