"""Plots for people who want to understand a model, and the JSON documents behind them.

These modules import matplotlib, so they are imported only by functions that draw.
"""
