"""Run the demonstration: its folder, its processes, its people."""
