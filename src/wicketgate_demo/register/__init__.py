"""An invented register of keepers: a server of its own, which no gateway trusts more than a real one."""
