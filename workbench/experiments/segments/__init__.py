"""Segments that learn from each other: as measured, as believed after seeing all, in words and tables."""
