"""Whether rows can be trusted: the suites, and the audit that separates clean rows from others."""
