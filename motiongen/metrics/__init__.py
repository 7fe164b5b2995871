"""Metrics: pure functions of motions or features."""
