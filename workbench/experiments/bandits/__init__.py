"""Bandits: what is played, learned from a log; the table that is served, and what another would have earned."""
