"""What recipients owe: disclosures and deletion receipts."""
