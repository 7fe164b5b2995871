"""The studio: a local page on which people sample, steer and compare trained models."""
