"""An empty Debian machine: a copy of a root that `.ci/root` makes, in which commands run as root."""

import re
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Machine:
    """A machine that has nothing but Debian's smallest set of packages, and this checkout in /srv/ecertmail."""

    root: Path

    def run(self, *commands: str) -> str:
        """Run commands in the checkout, one after the other, and return what they print; each must succeed."""
        script = "\n".join(["set -euo pipefail", "cd /srv/ecertmail", *commands])
        done = subprocess.run(
            [ROOT / ".ci/enter", self.root, "bash", "-c", script],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, f"{script}\n{done.stdout[-8000:]}"
        return done.stdout

    def install(self, *packages: str) -> None:
        self.run(f".ci/install {' '.join(packages)}")

    def write(self, path: str, program: str) -> None:
        """Put a program onto the machine."""
        file = self.root / path.lstrip("/")
        file.write_text(program, encoding="utf-8")
        file.chmod(0o755)

    def versions(self) -> dict[str, str]:
        """The versions that count on this machine, for docs/tested-with.md."""
        system = dict(
            line.split("=", 1) for line in (self.root / "etc/os-release").read_text(encoding="utf-8").splitlines()
        )
        python, gnupg = self.run("python3 --version", "gpg --version").splitlines()[:2]
        return {
            "system": f"{system['ID'].title()} {system['VERSION_ID']} ({system['VERSION_CODENAME']})".replace('"', ""),
            "python": python.split()[-1],
            "gnupg": gnupg.split()[-1],
        }


@contextmanager
def empty(suite: str) -> Iterator[Machine]:
    """Make an empty machine with this checkout on it."""
    made = subprocess.run([ROOT / ".ci/root", suite], stdout=subprocess.PIPE, text=True, check=True)
    with tempfile.TemporaryDirectory(prefix=f"{suite}-", dir="/var/tmp") as name:
        subprocess.run(["cp", "-a", made.stdout.strip(), f"{name}/root"], check=True)
        subprocess.run([ROOT / ".ci/checkout", f"{name}/root"], check=True)
        yield Machine(Path(name) / "root")


def printed(document: str, heading: str) -> list[str]:
    """The blocks of commands in a chapter, as they are printed."""
    text = (ROOT / document).read_text(encoding="utf-8")
    chapter = re.split(r"^## ", text.partition(f"\n## {heading}\n")[2], maxsplit=1, flags=re.MULTILINE)[0]
    blocks = re.findall(r"^```\n(.*?)^```", chapter, re.MULTILINE | re.DOTALL)
    assert blocks, f"{document}: no commands under {heading!r}"
    return blocks
