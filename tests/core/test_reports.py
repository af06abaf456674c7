from datetime import date
from pathlib import Path

import pytest

from updraft.core.errors import UpdraftError
from updraft.core.reports import IngestReport


def test_a_report_is_read_as_it_was_written_and_nothing_else_is_left(root: Path) -> None:
    uri = "reports/flights_data/scheduled__2013-01-02T00:00:00+00:00/ingest.json"
    report = IngestReport(
        use_case="flights", first=date(2013, 1, 1), last=date(2013, 1, 1), files=1, rows=842
    )
    report.write(uri)
    assert IngestReport.read(uri) == report
    assert [path.name for path in (root / uri).parent.iterdir()] == ["ingest.json"]


def test_a_missing_report_says_where_to_look(root: Path) -> None:
    with pytest.raises(UpdraftError, match="see its log"):
        IngestReport.read("reports/nothing.json")
