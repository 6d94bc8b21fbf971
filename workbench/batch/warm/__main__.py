"""Starts a zygote: `python -P -m workbench.batch.warm`, as `client.py` does."""

from __future__ import annotations

from workbench.batch.warm.server import main

main()
