"""Decisions: the evidence, the gate that judges it, and the promotion that follows from it."""
