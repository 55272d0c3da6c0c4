"""Croupier measured against the goals it set itself, and against its peers: ``python -m benchmarks --help``."""
