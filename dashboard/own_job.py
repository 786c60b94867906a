"""A file that was uploaded, and making a data set of it in the background: what a page may ask of both at any time."""

import logging
import tempfile
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from engine.data import own_child, own_import
from engine.data.own_columns import Choice
from engine.errors import DiskError, FewbitsError
from engine.store.files import disk_errors


@dataclass
class Upload:
    """An uploaded file on disk, under a name of ours; it goes when nobody holds this any more."""

    file_id: str
    name: str
    folder: tempfile.TemporaryDirectory[str] = field(repr=False)
    looked: dict[Any, Any] = field(default_factory=dict)

    @property
    def path(self) -> Path:
        return Path(self.folder.name) / "upload"

    def look(self, header: bool | None = None) -> own_import.Looked:
        """Return the beginning of the file; asked again, what was seen before. FewbitsError where it is no table."""
        seen: own_import.Looked = self._once(header, lambda: own_import.look(self.path, self.name, header))
        return seen

    def vectors(self) -> own_import.LookedVectors:
        """Return the size of a file of vectors; asked again, what was seen before. FewbitsError where it has none."""
        seen: own_import.LookedVectors = self._once("vectors", lambda: own_import.look_vectors(self.file))
        return seen

    @property
    def file(self) -> own_import.File:
        return own_import.File(self.path, self.name)

    def _once(self, what: Any, ask: Callable[[], Any]) -> Any:
        """Return an answer about the file, or raise the error that it was, without asking twice."""
        if what not in self.looked:
            try:
                self.looked[what] = ask()
            except FewbitsError as error:
                self.looked[what] = error
        if isinstance(self.looked[what], FewbitsError):
            raise self.looked[what]
        return self.looked[what]


def keep(file_id: str, name: str, content: memoryview) -> Upload:
    """Write an uploaded file's content to disk, where a child process can read it.

    Raises
    ------
    FewbitsError
        There is no room for a temporary file.
    """
    room: Path | str = "any folder for temporary files"
    try:
        room = Path(tempfile.gettempdir())  # looks for one that it can write to
        with disk_errors(room):
            upload = Upload(file_id, name, tempfile.TemporaryDirectory(prefix="fewbits-upload-"))
            upload.path.write_bytes(content)
            return upload
    except (DiskError, FileNotFoundError) as error:
        raise FewbitsError(
            f"{name!r} could not be written to {room}, where it is read from: make room there, check its permissions, "
            "or set TMPDIR to another folder and start the dashboard again"
        ) from error


class Job:
    """One import at work in a thread: ``at`` (0 to 1), ``doing``, and in the end ``content`` or ``error``."""

    def __init__(
        self, name: str, upload: Upload, choice: Choice, root: Path, vectors: Mapping[str, Upload] | None = None
    ) -> None:
        self.name, self.upload, self.vectors = name, upload, vectors or {}
        self.at, self.doing = 0.0, "starting"
        self.content: dict[str, Any] | None = None
        self.error: str | None = None
        self._child = own_child.Child()
        self._thread = threading.Thread(target=self._work, args=(choice, root), name="add-data", daemon=True)
        self._thread.start()

    def done(self) -> bool:
        return not self._thread.is_alive()

    def cancel(self) -> None:
        """End the import; nothing of it is kept."""
        self._child.cancel()

    def wait(self, seconds: float) -> bool:
        """Wait up to so long for the end; return whether it came."""
        self._thread.join(seconds)
        return self.done()

    def _work(self, choice: Choice, root: Path) -> None:
        try:
            self.content = own_import.add(
                self.name, self.upload.path, choice, root, self._say, self._child, self.upload.name,
                {table: upload.file for table, upload in self.vectors.items()},
            )  # fmt: skip
        except FewbitsError as error:
            self.error = str(error)
        except Exception:
            logging.getLogger(__name__).exception("a data set could not be added")
            self.error = "the file could not be added; the terminal of the dashboard shows why"

    def _say(self, at: float, doing: str) -> None:
        self.at, self.doing = at, doing
