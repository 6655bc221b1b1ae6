"""kind-config.yaml, read strictly by kind's own types: there is no docker engine where these tests run."""

from __future__ import annotations

import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]


def check(kindcheck: Path, file: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([kindcheck, str(file)], capture_output=True, text=True, check=False, timeout=30)


def test_the_kind_configuration_is_one_that_kind_reads(kindcheck: Path) -> None:
    done = check(kindcheck, ROOT / "kind-config.yaml")
    assert done.returncode == 0, done.stderr


def test_a_misspelt_field_is_found(kindcheck: Path, tmp_path: Path) -> None:
    wrong = tmp_path / "kind-config.yaml"
    wrong.write_text((ROOT / "kind-config.yaml").read_text().replace("role: worker", "rolle: worker"))
    done = check(kindcheck, wrong)
    assert done.returncode == 1
    assert "rolle" in done.stderr
