"""Two sequencers of one deployment: the one that leads, and the one that waits."""
