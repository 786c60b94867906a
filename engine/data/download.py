"""Downloads a data set once: resumable, checked by MD5, and with one clear sentence when it cannot be had.

A transfer grows in ``<name>.part``, which outlives a broken connection and a killed process; a file gets its own name
only after its checksum was found right. So a folder in which every name exists is complete.
"""

import hashlib
import os
import time
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import filelock
import pooch  # type: ignore[import-untyped]
import requests

from engine.data.registry import ENVIRONMENT, DatasetInfo, RemoteFile
from engine.errors import FewbitsError

ATTEMPTS = 5
"""How often one transfer is taken up again, as long as each attempt brings new bytes."""
CHUNK = 1 << 16
TIMEOUT_S = (10, 60)  # to connect; between two chunks
REPORT_EVERY_S = 0.5

Report = Callable[[str], None]


def fetch(known: DatasetInfo, folder: Path, report: Report | None = None) -> Path:
    """Download the files of a data set that ``folder`` lacks and return the folder.

    Parameters
    ----------
    known : DatasetInfo
        Names, addresses and checksums; tests give addresses of their own with ``dataclasses.replace``.
    folder : Path
        Created if need be. Two processes may fetch into it at once: the second waits, then finds the files.
    report : callable, optional
        Is given a line of text about twice a second.

    Raises
    ------
    FewbitsError
        No connection, an HTTP error, a wrong checksum, or a folder that cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with filelock.FileLock(folder / ".lock"):
            for url in dict.fromkeys(file.url for file in known.files):
                files = [file for file in known.files if file.url == url and not (folder / file.name).is_file()]
                if files:
                    _fetch_url(known, url, files, folder, report or _silent)
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise FewbitsError(
            f"cannot write {known.title} into the folder {folder} ({reason}): free some space there, make it writable, "
            "or choose another folder for the runs"
        ) from None
    return folder


def _fetch_url(known: DatasetInfo, url: str, files: list[RemoteFile], folder: Path, report: Report) -> None:
    """Fetch one address: the file itself, or the archive that holds several."""
    if not files[0].member:
        _retrieve(known, url, files[0].md5, files[0].name, folder, report)
        return
    archive = f"{known.name}.zip"
    _retrieve(known, url, files[0].archive_md5, archive, folder, report)
    for file in files:
        _unpack(folder / archive, file, folder)
    (folder / archive).unlink()


def _retrieve(known: DatasetInfo, url: str, md5: str, name: str, folder: Path, report: Report) -> None:
    """Leave the file in the folder, its checksum verified; a resumed transfer with a wrong one starts over once."""
    pooch.get_logger().setLevel("WARNING")  # its own lines would stand beside our report
    transfer = Transfer(folder / f"{name}.part", f"{known.title}: {name}", report)
    for last in (False, True):
        try:
            pooch.retrieve(url, f"md5:{md5}", fname=name, path=folder, downloader=transfer)
            return
        except requests.RequestException as error:  # before ValueError and OSError, of which some are kinds
            raise _unreachable(known, url, error) from None
        except ValueError:  # pooch's way to say that the checksum is wrong; it has removed the file
            if last or not transfer.resumed:
                break
    raise FewbitsError(
        f"{name} of {known.title} from {url} has not the expected checksum (MD5 {md5}) and was removed: "
        f"the transfer was damaged or the file was changed at its source; try again, "
        f"or put {_names(known)} into {_own_folder(known)}"
    )


def _unpack(archive: Path, file: RemoteFile, folder: Path) -> None:
    """Unpack the one member that we expect: the archive's own names never become paths."""
    part = folder / f"{file.name}.part"
    try:
        with zipfile.ZipFile(archive) as zipped:
            content = zipped.read(file.member)
    except (zipfile.BadZipFile, KeyError):
        raise FewbitsError(
            f"the archive {file.url} has no readable {file.member}; expected it inside: get it by hand"
        ) from None
    if hashlib.md5(content, usedforsecurity=False).hexdigest() != file.md5:
        raise FewbitsError(
            f"{file.member} in {file.url} has not the expected checksum (MD5 {file.md5}): get it by hand"
        )
    part.write_bytes(content)
    os.replace(part, folder / file.name)


class Transfer:
    """A pooch downloader that appends to a ``.part`` file and takes a broken transfer up where it ended.

    ``resumed`` tells whether bytes of an earlier connection are in the last file.
    """

    def __init__(self, part: Path, label: str, report: Report) -> None:
        self.part, self.label, self.report = part, label, report
        self.resumed = False
        self._reported = 0.0

    def __call__(self, url: str, output_file: str, pooch: Any) -> None:
        """Download ``url`` and move the whole of it to ``output_file``; the parameters are pooch's."""
        self.resumed = False
        for attempt in range(ATTEMPTS):
            before = self._size()
            try:
                self._continue(url, before)
                break
            except (requests.ConnectionError, requests.Timeout, requests.exceptions.ChunkedEncodingError):
                if self._size() <= before or attempt == ATTEMPTS - 1:
                    raise
        os.replace(self.part, output_file)

    def _continue(self, url: str, offset: int) -> None:
        """Append what is missing; start over where the server cannot continue at ``offset``."""
        headers = {"Accept-Encoding": "identity"}  # offsets into a compressed stream would not be offsets into the file
        if offset:
            headers["Range"] = f"bytes={offset}-"
        with requests.get(url, headers=headers, stream=True, timeout=TIMEOUT_S) as response:
            continued = response.headers.get("Content-Range", "").startswith(f"bytes {offset}-")
            unfit = (
                response.status_code == requests.codes.requested_range_not_satisfiable
            )  # nothing is missing, or too much is here
            if offset and (unfit or (response.status_code == requests.codes.partial_content and not continued)):
                self.part.unlink()
                return self._continue(url, 0)
            response.raise_for_status()
            start = offset if continued else 0
            self.resumed = start > 0
            total = start + int(response.headers.get("Content-Length", 0))
            with self.part.open("ab" if start else "wb") as out:
                for chunk in response.iter_content(CHUNK):
                    out.write(chunk)
                    self._progress(out.tell(), total)

    def _size(self) -> int:
        return self.part.stat().st_size if self.part.is_file() else 0

    def _progress(self, done: int, total: int) -> None:
        now = time.monotonic()
        if now - self._reported >= REPORT_EVERY_S or done == total:
            self._reported = now
            of = f" of {total / 1e6:.1f}" if total else ""
            self.report(f"{self.label}, {done / 1e6:.1f}{of} MB")


def _unreachable(known: DatasetInfo, url: str, error: requests.RequestException) -> FewbitsError:
    response = error.response
    reason = f"HTTP {response.status_code} {response.reason}" if response is not None else _plain(error)
    return FewbitsError(
        f"cannot download {known.title} from {url} ({reason}): either put {_names(known)} into {_own_folder(known)}, "
        "or connect to the network and try again"
    )


def _plain(error: requests.RequestException) -> str:
    if isinstance(error, requests.Timeout):
        return "no answer in time"
    broken = isinstance(error, requests.exceptions.ChunkedEncodingError)
    return "the connection broke" if broken else "no connection"


def _names(known: DatasetInfo) -> str:
    return " and ".join(file.name for file in known.files)


def _own_folder(known: DatasetInfo) -> str:
    base = os.environ.get(ENVIRONMENT)
    if base:
        return f"the folder {Path(base) / known.name}"
    return f"a folder {known.name} inside the folder that the environment variable {ENVIRONMENT} names"


def _silent(text: str) -> None:
    """Report to nobody."""
