"""The program of a process that scans a file's rows for another (`beside`): questions come in, findings go out."""

import sys

from workbench.ledger.beside import answer

if __name__ == "__main__":
    answer(sys.argv[1], sys.stdin.buffer, sys.stdout.buffer)
