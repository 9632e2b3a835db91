"""The lines of a text file from somebody else: UTF-8 or refused, and never more than a line of it in memory."""

from __future__ import annotations

from collections.abc import Generator

from audiofeat.source.problems import NO_COLUMN, Problems, unreadable

MAX_LINE_BYTES = 2**20
_UTF_8_MARK = b"\xef\xbb\xbf"
_UTF_16_MARKS = (b"\xff\xfe", b"\xfe\xff")
_HOW_TO_CONVERT = "save it as UTF-8 (iconv -t UTF-8)"


def text_lines(path: str, *, problems: Problems, file: str = "") -> Generator[str, None, None]:
    """Each line of the file at ``path``, with its line end; a byte order mark in front is dropped.

    Whoever may stop before the end has to close it (``contextlib.closing``), as it holds the file open.

    Args:
        path: the file.
        problems: where to note what is no text; reading ends there.
        file: what the places in messages begin with, where there is more than one file.

    Raises:
        SourceError: it cannot be read, is not UTF-8, or has a NUL character or a line of more than 1 MiB.
    """
    where = f"{file} line".lstrip()
    try:
        with open(path, "rb") as lines:
            number = 0
            while line := lines.readline(MAX_LINE_BYTES + 1):
                number += 1
                if number == 1:
                    if line.startswith(_UTF_16_MARKS):
                        problems.stop(f"{where} 1", NO_COLUMN, f"the file is UTF-16; {_HOW_TO_CONVERT}")
                    line = line.removeprefix(_UTF_8_MARK)
                if len(line) > MAX_LINE_BYTES:
                    problems.stop(f"{where} {number}", NO_COLUMN, f"a line of more than {MAX_LINE_BYTES:,} bytes")
                if b"\0" in line:
                    problems.stop(
                        f"{where} {number}", NO_COLUMN, f"a NUL character; a text file in UTF-16? {_HOW_TO_CONVERT}"
                    )
                try:
                    text = line.decode()
                except UnicodeDecodeError as error:
                    problems.stop(
                        f"{where} {number}",
                        NO_COLUMN,
                        f"byte 0x{line[error.start]:02X} at {error.start + 1:,} of the line is not UTF-8; "
                        f"{_HOW_TO_CONVERT}; file names outside of it can be given by --files-from",
                    )
                yield text
    except OSError as error:
        raise unreadable(path, error) from error
