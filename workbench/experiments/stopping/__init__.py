"""Stopping early: rules stated before the start, looks as they allow, and what they do at the traffic there is."""
