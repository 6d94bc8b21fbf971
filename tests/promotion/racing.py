"""Tries to promote versions of one model over and over while others do the same; run as a script.

python racing.py FOLDER SEED ATTEMPTS [URL of a ledger in PostgreSQL]
"""

import importlib.util
import random
import sys
from pathlib import Path

from workbench.engines.postgres import open_postgres
from workbench.errors import Misuse

spec = importlib.util.spec_from_file_location("crashing", Path(__file__).with_name("crashing.py"))
crashing = importlib.util.module_from_spec(spec)
spec.loader.exec_module(crashing)


def main(folder, seed, attempts, url=None):
    """Try so often; print how many moved the model. What another did meanwhile is refused, never undone."""
    chance = random.Random(seed)
    place = crashing.Place(folder, database=url and open_postgres(url, {}))
    moved = 0
    sys.stdin.read()  # all begin at once
    for n in range(attempts):
        try:
            place.promote(chance.choice([1, 2, 3]), key=f"{seed}/{n}")
        except Misuse as error:
            if "meanwhile" not in error.message and "already" not in error.message:
                raise
            continue
        moved += 1
    place.close()
    print(moved)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]), *sys.argv[4:])
