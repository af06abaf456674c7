"""Whether rows can be trusted: the suites, the audit that parts clean from quarantine."""
