"""Engines: the outside world, one module each, each fulfilling a protocol declared in a room above.

`bench` alone opens them; no room above names one.
"""
