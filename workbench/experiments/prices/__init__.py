"""Prices per customer segment: the plan and its limits, what was sold, what is known, the table that is served."""
