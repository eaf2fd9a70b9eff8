"""Neural networks whose memory stays plastic."""

from unfrozen._version import __version__

__all__ = ["__version__"]
