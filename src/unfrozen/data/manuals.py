"""Long texts that come with Python itself: chapters of its manual."""

from unfrozen.errors import DataError

LICENCE = "PSF-2.0"
_LONG = 8000


def manual_chapters() -> dict[str, str]:
    """Chapters of more than 8,000 characters by name, the longest first.

    Raises:
        DataError: this Python came without its manual.
    """
    try:
        from pydoc_data.topics import topics
    except ImportError as error:
        raise DataError(
            "this Python has no pydoc_data, the texts of its help(): install the whole of its "
            "standard library"
        ) from error
    long = {name: text for name, text in topics.items() if len(text) >= _LONG}
    return dict(sorted(long.items(), key=lambda one: (-len(one[1]), one[0])))
