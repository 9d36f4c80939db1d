"""A file that somebody chose on a page, as the text it is: CSV in UTF-8, as spreadsheets save it."""

from protocol.errors import Invalid
from protocol.kit.text import _

MEGABYTE = 1024 * 1024


def text_of(data: bytes, *, megabytes: int) -> str:
    """Return the text of a file of at most so many megabytes, without what no row needs.

    Raises:
        Invalid: `no_file` when it is empty, `too_large_file`, `not_csv` when it is no text in UTF-8.
    """
    if not data.strip():
        raise Invalid(_("No file was chosen."), _("Choose a file, then send it."), code="no_file")
    if len(data) > megabytes * MEGABYTE:
        raise Invalid(
            _("The file is larger than {n} MB.", n=megabytes),
            _("Send it in several files."),
            code="too_large_file",
        )
    try:
        return data.decode("utf-8-sig").replace("\x00", "")
    except UnicodeDecodeError as error:
        raise Invalid(
            _("The file is not text in UTF-8."), _("Save it as CSV UTF-8 and send it again."), code="not_csv"
        ) from error
