"""What a release consists of: a version that a tag gives, and a changelog with dates."""

import datetime
import importlib.metadata
import re
import runpy
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import toymodels as tm

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def releases() -> list[tuple[tuple[int, ...], datetime.date]]:
    """The versions of the changelog and their dates, the newest first."""
    first, *rest = re.findall(r"^## (.*)$", (ROOT / "CHANGELOG.md").read_text(), flags=re.MULTILINE)
    assert first == "[Unreleased]"
    found = [re.fullmatch(r"\[(\d+)\.(\d+)\.(\d+)\] - (\d{4}-\d\d-\d\d)", heading) for heading in rest]
    assert None not in found
    parts = [one.groups() for one in found if one]
    return [(tuple(map(int, version)), datetime.date.fromisoformat(date)) for *version, date in parts]


def test_the_changelog_has_dated_versions_the_newest_first():
    versions, dates = [one for one, _ in releases()], [one for _, one in releases()]
    assert versions == sorted(set(versions), reverse=True)
    assert dates == sorted(dates, reverse=True)


def test_every_tag_has_its_section():
    git = subprocess.run(["git", "tag", "--list", "v*"], cwd=ROOT, capture_output=True, text=True)
    if git.returncode:
        pytest.skip("needs the history")
    assert {tuple(map(int, tag[1:].split("."))) for tag in git.stdout.split()} <= {version for version, _ in releases()}


def test_the_version_stands_nowhere_but_in_the_tag():
    assert "version" in PROJECT["dynamic"]
    assert "version:" not in (ROOT / "CITATION.cff").read_text().replace("cff-version:", "")


def test_a_tree_that_was_never_installed_has_a_version(monkeypatch: pytest.MonkeyPatch):
    assert re.match(r"\d+\.\d+", tm.__version__)

    def version(name: str) -> str:
        raise importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(importlib.metadata, "version", version)
    assert runpy.run_path(str(ROOT / "toymodels" / "version.py"))["VERSION"] == "0.0.0+unknown"


def test_every_requirement_has_a_lower_bound_that_is_tried():
    tried = subprocess.run(
        [sys.executable, ".ci/lower_bounds.py"], cwd=ROOT, check=True, capture_output=True, text=True
    )
    assert len(tried.stdout.splitlines()) == len(PROJECT["dependencies"])
    assert all(re.fullmatch(r"[\w-]+==[\d.]+", line) for line in tried.stdout.splitlines())
