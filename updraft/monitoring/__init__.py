"""Drift: whether the newest rows still are like the champion's training rows, and the page on it.

The decision is ``drift.has_drifted``; what is monitored is ``drift.training_reference``.
"""
