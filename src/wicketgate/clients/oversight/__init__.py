"""An overseer's daily work, on their own machine: fetch, open, reconcile, draw, and say publicly what was found."""
