"""The command line: ``python -m engine COMMAND``; each command's ``--help`` has an example."""

import os
import sys

import click

from engine.commands import (
    adding,
    benching,
    checking,
    describing,
    exporting,
    looking,
    measuring,
    removing,
    running,
    studying,
)
from engine.errors import FewbitsError


@click.group(
    help="Train, quantize, search and measure recommenders; everything ends in the runs folder and its catalog."
)
@click.version_option(package_name="fewbits")
def commands() -> None:
    """Hold the commands."""


for command in (
    running.serve, running.run, running.sweep, running.cancel, running.retry,
    measuring.measure, measuring.scale, removing.delete, removing.clean,
    looking.runs, looking.show, looking.frontier, looking.datasets, describing.list_methods, adding.data,
    exporting.export,
    studying.study, checking.doctor, benching.bench,
):  # fmt: skip
    commands.add_command(command)


def main() -> None:
    """Run a command; what a person can mend is one sentence on standard error and exit status 1."""
    try:
        commands()
    except FewbitsError as error:
        click.echo(f"error: {error}", err=True)
        sys.exit(1)
    except BrokenPipeError:  # the reader of our output had enough, as `head` does
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)


if __name__ == "__main__":
    main()
