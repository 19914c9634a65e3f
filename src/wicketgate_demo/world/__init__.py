"""An invented London: papers, roads, vehicles, traffic."""
