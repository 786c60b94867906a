"""A finished run as it was measured: its index and queries from its folder, and its data set, for measuring again."""

from dataclasses import dataclass
from typing import Any

from engine import indexes, quantizers
from engine.data.split import Split, load_split
from engine.errors import FewbitsError
from engine.spec import RunSpec
from engine.store.folders import RunFolder
from engine.store.prepared import split_key


@dataclass(frozen=True, eq=False)
class Finished:
    """What a run searched, and for whom."""

    folder: RunFolder
    manifest: dict[str, Any]
    spec: RunSpec
    split: Split
    index: Any
    queries: dict[int, Any]  # query bits → float32 [U, D] or packed


def load(folder: RunFolder) -> Finished:
    """Return a finished run.

    Raises
    ------
    FewbitsError
        The run is not finished, its files are damaged, or its data set is not the one that was measured.
    """
    manifest = folder.manifest()
    if manifest is None:
        raise FewbitsError(f"run {folder.run_id} is {folder.state()}: expected a run that is done")
    spec = quantizers.resolve(folder.spec())
    split = load_split(spec.dataset, folder.path.parent, spec.split_seed)
    key = split_key(split.dataset, split.seed, split.fingerprint)
    if key != manifest["split"]["key"]:
        raise FewbitsError(
            f"the data set has changed: {folder.run_id} was measured on {manifest['split']['key']}, {spec.dataset} is "
            f"{key} now; `python -m engine retry {folder.run_id}` measures it anew"
        )
    queries = {bits: indexes.load_queries(folder.file(f"queries_{bits}.safetensors")) for bits in spec.query_bits}
    return Finished(folder, manifest, spec, split, indexes.load(folder.file("index.safetensors")), queries)
