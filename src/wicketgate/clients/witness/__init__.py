"""A witness: it cosigns a log's checkpoints while each goes on from the last, and shows the last one."""
