"""Decisions: the gate that judges evidence, and the promotions and rollbacks that follow."""
