"""The child process that reads files nobody has checked: ``python -m engine.data.own_worker FOLDER``.

It limits itself before it looks at the file, takes one order as JSON from standard input, and answers with lines of
JSON: ``{"at": 0.4, "doing": "…"}`` on the way, then ``{"result": …}`` or ``{"error": "a sentence"}``. The folder holds
``source`` (the file, or a link to it; vectors as ``users`` and ``items``) and takes everything that is written.
"""

import contextlib
import json
import os
import sys
import traceback
from pathlib import Path
from typing import Any

from engine.errors import FewbitsError

ADDRESS_BYTES = 6 << 30
"""Address space, not memory in use: DuckDB keeps within its own limit, and this stops whatever does not."""
WRITTEN_BYTES = 40 << 30
PREVIEW_ROWS = 10


def limit() -> None:
    """Take from this process what reading a table does not need."""
    with contextlib.suppress(ImportError):
        import resource

        for name, most in (("RLIMIT_AS", ADDRESS_BYTES), ("RLIMIT_FSIZE", WRITTEN_BYTES), ("RLIMIT_CORE", 0)):
            with contextlib.suppress(AttributeError, ValueError, OSError):  # not on every system
                hard = resource.getrlimit(getattr(resource, name))[1]
                most = most if hard == resource.RLIM_INFINITY else min(most, hard)
                resource.setrlimit(getattr(resource, name), (most, most))


def main(folder: str) -> int:
    """Carry out the order on standard input; return the exit status."""
    limit()
    answer: dict[str, Any]
    try:
        answer = {"result": work(json.load(sys.stdin), Path(folder))}
    except FewbitsError as error:
        answer = {"error": str(error)}
    except MemoryError:
        answer = {"error": "the file asks for more memory than reading one may take: bring fewer columns or rows"}
    except OSError as error:
        answer = {
            "error": f"the file or the working space fails ({error.strerror or error}); check both, then try again"
        }
    except Exception as error:  # a crash of ours: its traceback goes to standard error, its sentence to the person
        traceback.print_exc()
        answer = {"error": f"the file cannot be read (unexpected {type(error).__name__}); save it as plain CSV"}
    _say(answer)
    return 0


def work(order: dict[str, Any], folder: Path) -> dict[str, Any]:
    """Return what an order asks for: "look" the columns and first rows of a table, "look-vectors" the size of a matrix,
    "add" the report of the data set in ``out``.
    """
    from engine.data import own_database, own_matrices, own_source, own_tables
    from engine.data.own_columns import Choice

    connection = own_database.connect(folder)
    if order["task"] == "look-vectors":
        return own_matrices.look(connection, folder / "source", order["name"])
    vectors = own_matrices.open_both(connection, folder, order["vectors"]) if order.get("vectors") else None
    with own_database.sentences(order["name"]):
        source = own_source.open_source(connection, folder / "source", order["name"], order.get("header"))
        if order["task"] == "look":
            return {
                "columns": source.columns, "types": source.types, "header": source.header,
                "rows": own_source.preview(connection, source, PREVIEW_ROWS),
            }  # fmt: skip
        out = folder / "out"
        out.mkdir()
        choice = Choice(**order["choice"])
        return own_tables.build(
            connection, source, choice, str(out), lambda at, doing: _say({"at": at, "doing": doing}), vectors
        )


def _say(answer: dict[str, Any]) -> None:
    print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    status = main(*sys.argv[1:])
    sys.stdout.flush()
    os._exit(status)  # what was made lies in files: tearing down DuckDB's tables would take time
