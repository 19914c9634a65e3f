"""Readers: they follow COMMITS, show what is committed, and ask the sequencer for its word.

`answers` is the sequencer's side; everything else is a reader's, and reaches no signing, no intake and no writer.
"""
