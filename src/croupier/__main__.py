"""``python -m croupier`` is ``croupier``."""

from croupier.cli.main import run

if __name__ == "__main__":
    run()
