"""What several flows do in a page: choose in a field, press what saves a file."""

from pathlib import Path
from typing import Any


def choose(page: Any, field: str, option: str) -> None:
    """Type into a field until it offers the option, and take it: a field that is drawn anew forgets what was typed."""
    offered = page.get_by_role("option", name=option, exact=True)
    for _ in range(20):
        page.get_by_role("combobox", name=field).fill("")
        page.get_by_role("combobox", name=field).press_sequentially(option)
        page.wait_for_timeout(500)
        if offered.is_visible():
            break
    offered.click()


def saved(page: Any, button: str, folder: Path) -> Path:
    """Press a button and return the file that it saves."""
    with page.expect_download() as download:
        page.get_by_role("button", name=button, exact=True).click()
    path = folder / download.value.suggested_filename
    download.value.save_as(path)
    return path
