"""The charging application's rules: from what a camera group saw and what was paid to what is owed. Pure so far."""
