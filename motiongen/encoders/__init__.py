"""Encoders: networks over masked motion; they know the skeleton, never the data."""
