"""The errors that a person is shown as a sentence, without a traceback."""


class FewbitsError(Exception):
    """Something that the person at the keyboard can mend: the text says what was got, what was expected, what to do."""


class DiskError(FewbitsError):
    """The disk refuses for now (full, not writable): what waits may be tried again later."""


def unknown(kind: str, got: str, known: list[str]) -> FewbitsError:
    """Return the error for a name that is in no registry: ``unknown quantizer 'hqgn'; known: float16, float32 …``."""
    return FewbitsError(f"unknown {kind} {got!r}; known: {', '.join(sorted(known))}")
