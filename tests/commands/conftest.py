"""Commands as a script gives them, in this process or in one of their own."""

import subprocess
import sys

import pytest

from engine.__main__ import main

QUICK = ["--dataset", "demo", "--encoder", "mf", "--dim", "8", "--epochs", "1"]


def process(root, *arguments):
    """Run a command as a script does, in a process of its own."""
    return subprocess.run(
        [sys.executable, "-m", "engine", *arguments, "--root", str(root)], capture_output=True, text=True, check=False
    )


@pytest.fixture
def engine(monkeypatch, capsys):
    """Return a function that runs a command in this process, which is sooner there, through the same entry."""

    def run(root, *arguments):
        monkeypatch.setattr(sys, "argv", ["engine", *arguments, "--root", str(root)])
        with pytest.raises(SystemExit) as ended:
            main()
        printed = capsys.readouterr()
        return subprocess.CompletedProcess(arguments, ended.value.code, printed.out, printed.err)

    return run
