"""The README shows what was really printed, and its links lead somewhere."""

import re
from pathlib import Path

import pytest

from updraft.core.settings import REPO

PAGES = sorted([*REPO.glob("*.md"), *(REPO / "docs").rglob("*.md")])


def test_the_demos_output_holds_figures_and_no_placeholder() -> None:
    text = (REPO / "README.md").read_text()
    shown = text.split("<!-- demo-output:start -->")[1].split("<!-- demo-output:end -->")[0]
    assert "All steps ended well" in shown
    assert not re.findall(r"<[a-z][\w ]*>", shown)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(REPO)))
def test_links_lead_to_files(page: Path) -> None:
    targets = re.findall(r"\]\((?!https?:|#)([^)#]+)", page.read_text())
    assert [target for target in targets if not (page.parent / target).exists()] == []
