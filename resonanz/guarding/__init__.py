"""What the guard is made of: suites, the way to Great Expectations, verdicts, quarantine, and words for people."""
