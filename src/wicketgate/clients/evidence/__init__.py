"""Evidence packs: one hit or one answer, with everything that proves it, for whoever checks it years later."""
