"""What a program asks of the kernel to make files durable, as strace sees it."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from tempfile import NamedTemporaryFile

import pytest

_CALL = re.compile(
    r"(?P<name>fsync|rename\w*)\((?:\d+<(?P<synced>[^>\n]*)>|.*\"(?P<renamed>[^\"\n]*)\")[^\"\n]*\)\s+= 0$",
    re.MULTILINE,
)


def durable_calls(folder: Path, code: str) -> list[tuple[str, str]]:
    """Run Python code and return each fsync and rename below a folder, with the path in it; of a rename the new one."""
    if shutil.which("strace") is None and not os.environ.get("ECERTMAIL_CI"):
        pytest.skip("there is no strace here")
    with NamedTemporaryFile("r") as seen:
        command = ["strace", "-f", "-y", "-s", "400", "-e", "trace=fsync,rename,renameat,renameat2", "-o", seen.name]
        subprocess.run([*command, sys.executable, "-c", code], check=True)
        text = seen.read()
    found = [(call["name"], Path(call["synced"] or call["renamed"])) for call in _CALL.finditer(text)]
    return [(name, str(path.relative_to(folder))) for name, path in found if path.is_relative_to(folder)]
