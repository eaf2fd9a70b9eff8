"""Complexes from files of all kinds, a module a kind."""

from unfrozen.cli.topology.reading.opening import Opened, SourceArgument, open_complex

__all__ = ["Opened", "SourceArgument", "open_complex"]
