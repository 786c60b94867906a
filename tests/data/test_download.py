"""Downloads against a server on this machine: whole, broken halfway, without Range, damaged, and not there at all."""

import dataclasses
import hashlib
import io
import socket
import threading
import zipfile
from pathlib import Path

import pytest

from engine.data.download import CHUNK, fetch
from engine.data.registry import DatasetInfo, RemoteFile, info
from engine.errors import FewbitsError
from tests.conftest import DATA
from tests.data.file_server import Server

TRAIN = b"".join(b"%d %d %d\n" % (user, user % 7, user % 11 + 7) for user in range(40_000))  # 5 chunks and more
TEST = b"0 3\n1 4\n"
assert len(TRAIN) > 5 * CHUNK


@pytest.fixture
def server():
    server = Server({"/train.txt": TRAIN, "/test.txt": TEST})
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


def md5(content):
    return hashlib.md5(content).hexdigest()


def known(base, train=TRAIN):
    files = (
        RemoteFile("train.txt", f"{base}/train.txt", md5(train)),
        RemoteFile("test.txt", f"{base}/test.txt", md5(TEST)),
    )
    return DatasetInfo("small", "Small", "Two files.", 1, 1, 1, "adjacency", "None.", files)


def zipped(**members):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, content in members.items():
            archive.writestr(name.replace("__", "/"), content)
    return out.getvalue()


def archived(server, content, member="small/u.data", inside=TEST):
    server.content["/small.zip"] = content
    file = RemoteFile("u.data", f"{server.base}/small.zip", md5(inside), member, md5(content))
    return DatasetInfo("small", "Small", "An archive.", 1, 1, 1, "movielens-100k", "None.", (file,))


def names_in(folder):
    return sorted(path.name for path in folder.iterdir() if not path.name.startswith("."))


def test_all_files_arrive_whole(server, tmp_path):
    folder = fetch(known(server.base), tmp_path / "datasets" / "small")
    assert (folder / "train.txt").read_bytes() == TRAIN and (folder / "test.txt").read_bytes() == TEST
    assert names_in(folder) == ["test.txt", "train.txt"]


def test_progress_is_reported_to_the_end(server, tmp_path):
    said = []
    fetch(known(server.base), tmp_path, said.append)
    assert f"Small: train.txt, {len(TRAIN) / 1e6:.1f} of {len(TRAIN) / 1e6:.1f} MB" in said


def test_a_file_that_is_there_is_not_fetched_again(server, tmp_path):
    fetch(known(server.base), tmp_path)
    (tmp_path / "test.txt").unlink()
    server.asked.clear()
    fetch(known(server.base), tmp_path)
    assert server.asked == [("/test.txt", None)]


def test_a_connection_that_breaks_halfway_is_taken_up_where_it_ended(server, tmp_path):
    server.break_after = [3 * CHUNK + 5]
    fetch(known(server.base), tmp_path)
    assert (tmp_path / "train.txt").read_bytes() == TRAIN
    first, second = server.asked[:2]
    assert first == ("/train.txt", None)
    assert int(second[1].removeprefix("bytes=").removesuffix("-")) >= 3 * CHUNK


def test_what_arrived_before_an_error_is_kept_for_the_next_call(server, tmp_path):
    server.break_after = [2 * CHUNK, 0]  # the second attempt brings nothing new: give up
    with pytest.raises(FewbitsError, match="the connection broke"):
        fetch(known(server.base), tmp_path)
    assert names_in(tmp_path) == ["train.txt.part"]
    server.asked.clear()
    fetch(known(server.base), tmp_path)
    assert server.asked[0] == ("/train.txt", f"bytes={2 * CHUNK}-")
    assert (tmp_path / "train.txt").read_bytes() == TRAIN


def test_a_cancelled_download_keeps_its_bytes(server, tmp_path):
    def cancel(text):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fetch(known(server.base), tmp_path, cancel)
    assert (tmp_path / "train.txt.part").stat().st_size >= CHUNK


def test_a_server_without_ranges_starts_over(server, tmp_path):
    server.ranges = False
    server.break_after = [2 * CHUNK]
    fetch(known(server.base), tmp_path)
    assert [path for path, _ in server.asked] == ["/train.txt", "/train.txt", "/test.txt"]
    assert (tmp_path / "train.txt").read_bytes() == TRAIN


def test_an_answer_that_continues_elsewhere_is_not_appended(server, tmp_path):
    server.misplace = 1
    server.break_after = [2 * CHUNK]
    fetch(known(server.base), tmp_path)
    assert (tmp_path / "train.txt").read_bytes() == TRAIN


def test_a_part_as_long_as_the_file_starts_over(server, tmp_path):
    """A process that ended between the last byte and the renaming leaves one."""
    (tmp_path / "train.txt.part").write_bytes(TRAIN)
    fetch(known(server.base), tmp_path)
    assert (tmp_path / "train.txt").read_bytes() == TRAIN


def test_a_part_of_another_version_is_thrown_away(server, tmp_path):
    """Its continuation has a wrong checksum, the whole file a right one."""
    (tmp_path / "train.txt.part").write_bytes(b"9" * CHUNK)
    fetch(known(server.base), tmp_path)
    assert (tmp_path / "train.txt").read_bytes() == TRAIN


def test_a_wrong_checksum_is_one_error_and_leaves_no_file(server, tmp_path):
    with pytest.raises(FewbitsError, match="train.txt of Small .* has not the expected checksum"):
        fetch(known(server.base, train=b"something else"), tmp_path)
    assert names_in(tmp_path) == []
    assert [path for path, _ in server.asked] == ["/train.txt"]


def test_offline_the_error_names_both_ways_out(tmp_path, monkeypatch):
    monkeypatch.delenv("FEWBITS_DATA", raising=False)
    with socket.socket() as taken:  # bound, not listening: nobody answers there
        taken.bind(("127.0.0.1", 0))
        with pytest.raises(FewbitsError) as caught:
            fetch(known(f"http://127.0.0.1:{taken.getsockname()[1]}"), tmp_path)
    text = str(caught.value)
    assert "no connection" in text and "FEWBITS_DATA" in text and "try again" in text
    assert "train.txt and test.txt into a folder small" in text
    assert "\n" not in text


def test_the_error_names_the_persons_own_folder_where_there_is_one(server, tmp_path, monkeypatch):
    monkeypatch.setenv("FEWBITS_DATA", str(tmp_path / "own"))
    server.content.clear()
    with pytest.raises(FewbitsError) as caught:
        fetch(known(server.base), tmp_path)
    assert "HTTP 404" in str(caught.value) and str(tmp_path / "own" / "small") in str(caught.value)


def test_a_folder_that_cannot_be_made_is_named(server, tmp_path):
    (tmp_path / "datasets").write_text("a file, no folder")
    with pytest.raises(FewbitsError, match=f"cannot write Small into the folder {tmp_path / 'datasets' / 'small'}"):
        fetch(known(server.base), tmp_path / "datasets" / "small")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full, a disk that is always full")
def test_a_full_disk_is_named(server, tmp_path):
    (tmp_path / "train.txt.part").symlink_to("/dev/full")
    with pytest.raises(FewbitsError, match="No space left on device.*free some space"):
        fetch(known(server.base), tmp_path)


def test_from_an_archive_only_the_expected_member_is_unpacked(server, tmp_path):
    content = zipped(small__u_data=b"no", **{"small__u.data": TEST, "..__evil.txt": b"evil"})
    fetch(archived(server, content), tmp_path / "small")
    assert names_in(tmp_path / "small") == ["u.data"]
    assert (tmp_path / "small" / "u.data").read_bytes() == TEST
    assert not (tmp_path / "evil.txt").exists()


def test_an_archive_is_not_fetched_again_once_it_is_unpacked(server, tmp_path):
    small = archived(server, zipped(**{"small__u.data": TEST}))
    fetch(small, tmp_path)
    fetch(small, tmp_path)
    assert server.asked == [("/small.zip", None)]


def test_an_archive_without_the_expected_member_is_an_error(server, tmp_path):
    with pytest.raises(FewbitsError, match="no readable small/u.data"):
        fetch(archived(server, zipped(other=b"no")), tmp_path)


def test_a_file_that_is_no_archive_is_an_error(server, tmp_path):
    with pytest.raises(FewbitsError, match="no readable small/u.data"):
        fetch(archived(server, b"<html>please log in</html>"), tmp_path)


def test_a_member_with_a_wrong_checksum_is_an_error(server, tmp_path):
    with pytest.raises(FewbitsError, match="small/u.data in .* has not the expected checksum"):
        fetch(archived(server, zipped(**{"small__u.data": b"0 9\n"})), tmp_path)
    assert "u.data" not in names_in(tmp_path)


def test_two_downloads_at_once_fetch_each_file_once(server, tmp_path):
    """Two runs of one data set may start together; they must not write into one file."""
    failed = []

    def work():
        try:
            fetch(known(server.base), tmp_path)
        except FewbitsError as error:
            failed.append(error)

    both = [threading.Thread(target=work) for _ in range(2)]
    for thread in both:
        thread.start()
    for thread in both:
        thread.join()
    assert not failed
    assert sorted(path for path, _ in server.asked) == ["/test.txt", "/train.txt"]


@pytest.mark.parametrize("name", ["gowalla", "ml-1m", "amazon-book-kgat"])
def test_the_published_files_have_the_checksums_of_the_registry(server, tmp_path, name):
    own = DATA / name
    if not own.is_dir():
        pytest.skip(f"{DATA} has no {name}: FEWBITS_DATA names the folder of real data sets")
    for file in info(name).files:
        server.content[f"/{file.name}"] = (own / file.name).read_bytes()
    files = tuple(dataclasses.replace(file, url=f"{server.base}/{file.name}") for file in info(name).files)
    fetch(dataclasses.replace(info(name), files=files), tmp_path)
    assert names_in(tmp_path) == ["test.txt", "train.txt"]
