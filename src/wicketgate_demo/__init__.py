"""An invented London: its offices, papers and cameras.

Nobody in it exists, and no plate in it is anybody's.
"""
