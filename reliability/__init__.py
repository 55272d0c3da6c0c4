"""Croupier is killed, resumed elsewhere and fed anything: what survives, counted by commands. See README.md here."""
