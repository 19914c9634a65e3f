"""An officer's page: a small site on their own machine, for one person and one key."""
