"""Promotes versions of one model over and over while others do the same; run as a script.

python racing.py FOLDER SEED MOVES
"""

import importlib.util
import random
import sys
from pathlib import Path

from workbench.errors import Misuse

spec = importlib.util.spec_from_file_location("crashing", Path(__file__).with_name("crashing.py"))
crashing = importlib.util.module_from_spec(spec)
spec.loader.exec_module(crashing)


def main(folder, seed, moves):
    """Move so often; what another did meanwhile is looked at, and decided again."""
    chance = random.Random(seed)
    place = crashing.Place(folder)
    done = 0
    sys.stdin.read()  # all begin at once
    while done < moves:
        try:
            place.promote(chance.choice([1, 2, 3]), key=f"{seed}/{done}")
        except Misuse as error:
            if "meanwhile" not in error.message and "already" not in error.message:
                raise
            continue
        done += 1
    place.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]))
