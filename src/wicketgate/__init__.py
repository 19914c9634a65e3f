"""An accountable gateway for number-plate reads."""
