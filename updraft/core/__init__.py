"""What all packages share: use cases, settings, intervals, reports, errors. No heavy imports."""
