"""The gateway's side of witnesses: its checkpoints are submitted, and what is not cosigned in time stops."""
