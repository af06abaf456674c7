"""The README shows what was really printed, and the links of all pages lead to files."""

import re
from pathlib import Path

import pytest

from updraft.core.settings import REPO

PAGES = sorted([*REPO.glob("*.md"), *(REPO / "docs").rglob("*.md")])


def test_the_output_of_the_demo_is_complete_and_has_no_placeholder() -> None:
    text = (REPO / "README.md").read_text()
    output = text.split("<!-- demo-output:start -->")[1].split("<!-- demo-output:end -->")[0]
    assert "All steps ended well" in output
    assert not re.findall(r"<[a-z][\w ]*>", output)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(REPO)))
def test_links_lead_to_files(page: Path) -> None:
    targets = re.findall(r"\]\((?!https?:|#)([^)#]+)", page.read_text())
    assert [target for target in targets if not (page.parent / target).exists()] == []
