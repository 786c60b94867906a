"""The data sets that Fewbits knows: what each is, where it is published, with which checksum, and where it lies here.

Those of one's own (`engine.data.own`) belong to a runs folder: they are known where its ``root`` is given.

Nothing heavy is imported at module level (the dashboard imports this file); the downloader comes in when it is needed.
"""

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from engine.data import own
from engine.errors import FewbitsError, unknown

ENVIRONMENT = "FEWBITS_DATA"
"""Names a folder of local copies, one folder a data set: ``$FEWBITS_DATA/gowalla/train.txt``."""


@dataclass(frozen=True)
class RemoteFile:
    """One file that a data set needs and where it is published.

    With ``member``, ``url`` is a zip archive of checksum ``archive_md5`` and the file is that member of it.
    """

    name: str
    url: str
    md5: str
    member: str = ""
    archive_md5: str = ""


@dataclass(frozen=True)
class DatasetInfo:
    """What is known about a data set without reading it. ``interactions`` counts train and test together.

    ``format`` names a reader (`engine.data.readers.READERS`), ``titles`` says that items have readable names,
    ``synthetic`` that the data are computed, not observed, ``dim`` how many numbers the vectors have that came with it
    (0: none did).
    """

    name: str
    title: str
    description: str
    users: int
    items: int
    interactions: int
    format: str
    terms: str
    files: tuple[RemoteFile, ...] = ()
    synthetic: bool = False
    titles: bool = False
    dim: int = 0

    @property
    def own(self) -> bool:
        """Whether it is one of the person's own, made of a file."""
        return self.format == own.KIND


def names(root: Path | None = None) -> list[str]:
    """Return the known names, the built-in demo first; with the runs folder ``root`` also those of one's own in it."""
    return list(_KNOWN) + ([name for name in own.names(root) if name not in _KNOWN] if root is not None else [])


def info(name: str, root: Path | None = None) -> DatasetInfo:
    """Return what is known about a data set; ``root``, the runs folder, is needed for one of one's own.

    Raises
    ------
    FewbitsError
        The name is unknown; the text lists the known ones.
    """
    if name in _KNOWN:
        return _KNOWN[name]
    content = own.meta(name, root) if root is not None else None
    if content is None:
        raise FewbitsError(f"{unknown('data set', name, names(root))}; a file of your own: `python -m engine data add`")
    return DatasetInfo(**own.about(content))


def find(name: str, root: Path) -> Path | None:
    """Return the folder with all files of a data set, or None: the person's own copy first, then what was downloaded.

    ``root`` is the folder of the runs. Only the presence of the files is checked: a person may use a version of their
    own, and a downloaded file gets its name after its checksum was found right. A synthetic set has no folder: None.
    """
    known = info(name, root)
    if known.own:
        return own.folder(name, root)
    needed = [file.name for file in known.files]
    folders = [folder for folder in (_own_copy(name), _cache(name, root)) if folder is not None]
    return next((folder for folder in folders if needed and not _missing(folder, needed)), None)


def available(name: str, root: Path) -> bool:
    """Return whether a data set can be read at once, without a network."""
    return info(name, root).synthetic or find(name, root) is not None


def locate(name: str, root: Path, report: Callable[[str], None] | None = None) -> Path:
    """Return the folder with all files of a data set; download what is missing into ``root/datasets/<name>``.

    Raises
    ------
    FewbitsError
        The set is synthetic or unknown, the person's own folder lacks a file, or the download failed.
    """
    known = info(name, root)
    if known.synthetic:
        raise FewbitsError(f"data set {name!r} is computed and has no files: load it with engine.data.split.load_split")
    found = find(name, root)
    if found is not None:
        return found
    copy, needed = _own_copy(name), [file.name for file in known.files]
    if copy is not None and copy.is_dir():  # silently downloading past a person's own copy would hide their mistake
        lacks, expected = " and ".join(_missing(copy, needed)), ", ".join(needed)
        raise FewbitsError(
            f"folder {copy} lacks {lacks}; expected {expected}: add what is missing or remove the folder"
        )
    from engine.data.download import fetch

    return fetch(known, _cache(name, root), report)


def _own_copy(name: str) -> Path | None:
    base = os.environ.get(ENVIRONMENT, "")
    return Path(base).expanduser() / name if base else None


def _cache(name: str, root: Path) -> Path:
    return Path(root) / "datasets" / name


def _missing(folder: Path, needed: list[str]) -> list[str]:
    return [name for name in needed if not (folder / name).is_file()]


def _pair(base: str, train_md5: str, test_md5: str) -> tuple[RemoteFile, ...]:
    return RemoteFile("train.txt", f"{base}/train.txt", train_md5), RemoteFile("test.txt", f"{base}/test.txt", test_md5)


def _movielens_100k(member: str, md5: str) -> RemoteFile:
    url = "https://files.grouplens.org/datasets/movielens/ml-100k.zip"
    return RemoteFile(member, url, md5, f"ml-100k/{member}", "0e33842e24a9c977be4e0107933c0723")


_LIGHTGCN = "https://raw.githubusercontent.com/gusye1234/LightGCN-PyTorch/master/data"
_ULTRAGCN = "https://raw.githubusercontent.com/xue-pai/UltraGCN/main/data"
_KGAT = "https://raw.githubusercontent.com/xiangwang1223/knowledge_graph_attention_network/master/Data"
_MOVIELENS = "GroupLens's terms: research use only, no redistribution, no commercial use without permission."
_NO_LICENCE = "The source states no licence for the data: use it for research and do not pass it on."

_KNOWN = {
    known.name: known
    for known in (
        DatasetInfo(
            name="demo",
            title="Demo (synthetic)",
            description="Computed readers with mixed tastes in twelve genres of books: works at once, offline.",
            users=2_000,
            items=3_000,
            interactions=92_083,
            format="synthetic",
            terms="Computed by Fewbits, not observed: free of any terms, and no evidence about real people.",
            synthetic=True,
            titles=True,
        ),
        DatasetInfo(
            name="ml-100k",
            title="MovieLens 100K",
            description="Ratings of films with titles from the MovieLens site; every rating is an interaction.",
            users=943,
            items=1_682,
            interactions=100_000,
            format="movielens-100k",
            terms=_MOVIELENS,
            files=(
                _movielens_100k("u.data", "6e47046882bad158b0efbb84cd5cb987"),
                _movielens_100k("u.item", "c9e7f390115d79079537301d5204f3f7"),
            ),
            titles=True,
        ),
        DatasetInfo(
            name="ml-1m",
            title="MovieLens 1M",
            description="Ratings of films as interactions, in the split published with UltraGCN (MovieLens1M_m2).",
            users=6_022,
            items=3_043,
            interactions=895_699,
            format="adjacency",
            terms=_MOVIELENS,
            files=_pair(f"{_ULTRAGCN}/ml-1m", "db93f671bc5d1b1544ce4c29664f6778", "5e55bcbb6372ad4c6fafe79989e2f956"),
        ),
        DatasetInfo(
            name="gowalla",
            title="Gowalla",
            description="Check-ins of a location network, in the split published with NGCF and LightGCN.",
            users=29_858,
            items=40_981,
            interactions=1_027_370,
            format="adjacency",
            terms=_NO_LICENCE,
            files=_pair(f"{_LIGHTGCN}/gowalla", "5eec1eb2edb8dd648377d348b8e136cf", "c04e2c4bcd2389f53ed8281816166149"),
        ),
        DatasetInfo(
            name="amazon-book-kgat",
            title="Amazon-Book (KGAT)",
            description="Book reviews as interactions, in the split published with KGAT.",
            users=70_679,
            items=24_915,
            interactions=846_434,
            format="adjacency",
            terms=_NO_LICENCE,
            files=_pair(f"{_KGAT}/amazon-book", "b7924ff9325f72815b95f6f7f4ce2022", "c7f846c9b123c05d9bc4f40a74586b97"),
        ),
        DatasetInfo(
            name="yelp2018",
            title="Yelp2018",
            description="Reviews of local businesses as interactions, in the split published with LightGCN.",
            users=31_668,
            items=38_048,
            interactions=1_561_406,
            format="adjacency",
            terms=_NO_LICENCE,
            files=_pair(
                f"{_LIGHTGCN}/yelp2018", "1b8b5d22a227e01d6de002c53d32b4c4", "0d57d7399862c32152b045ec5d2698e7"
            ),
        ),
        DatasetInfo(
            name="amazon-book",
            title="Amazon-Book",
            description="Book reviews as interactions, in the split published with LightGCN: the largest set here.",
            users=52_643,
            items=91_599,
            interactions=2_984_108,
            format="adjacency",
            terms=_NO_LICENCE,
            files=_pair(
                f"{_LIGHTGCN}/amazon-book", "c916ecac04ca72300a016228258b41ed", "30f8ccfea18d25007ba9fb9aba4e174d"
            ),
        ),
    )
}
