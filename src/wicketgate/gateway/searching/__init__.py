"""Questions to the past at a running gateway: put, counted, approved, run, and their answers shown."""
