"""The wheel is whole: it installs with its schemas and sample inside, and the demo runs."""

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


def test_the_wheel_has_schemas_sample_and_types_inside(tmp_path: Path) -> None:
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True)
    names = zipfile.ZipFile(next(tmp_path.glob("*.whl"))).namelist()
    for name in (
        "schemas/certificates/certificates.xsd",
        "schemas/sps-d17a/sps.xsd",
        "schemas/receipt/receipt.xsd",
        "ecertmail.toml",
        "py.typed",
        "demo/certificates.xml",
        "templates/page.html",
        "templates/ar/words.toml",
        "templates/zh/arrived.txt",
    ):
        assert f"ecertmail/{name}" in names
    assert not [name for name in names if name.startswith(("tests", "spool"))]


@pytest.mark.slow
def test_the_demo_observes_everything_it_tells() -> None:
    done = subprocess.run([sys.executable, "-m", "ecertmail.demo"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "nobody was mailed about it" in done.stdout
    assert "\x1b[" not in done.stdout, "colours only on a terminal"


def test_no_registry_address_is_recorded() -> None:
    for name in ("constraints.txt", "pyproject.toml"):
        assert "://" not in (ROOT / name).read_text(encoding="utf-8")
