"""A use case's mistakes are reported all at once, each with its line and a suggestion."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from updraft.core.errors import UpdraftError
from updraft.core.hyperparameters import wrong_names
from updraft.core.kinds import Kind
from updraft.core.settings import REPO, settings
from updraft.core.sql import mistakes_in
from updraft.core.use_case import broken_use_cases, load_use_case, use_case_names, valid_use_cases


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The use case flights, to be broken by a test, and a valid copy of it, departures."""
    for name in ("flights", "departures"):
        shutil.copytree(REPO / "use_cases" / "flights", tmp_path / name)
    monkeypatch.setenv("UPDRAFT_USE_CASES", str(tmp_path))
    settings.cache_clear()
    yield tmp_path / "flights"
    settings.cache_clear()


def change(file: Path, old: str, new: str) -> int:
    """Replace a text that occurs once, and return its line."""
    text = file.read_text()
    assert text.count(old) == 1, old
    file.write_text(text.replace(old, new))
    return text[: text.index(old)].count("\n") + 1


def mistakes() -> list[str]:
    with pytest.raises(UpdraftError) as refused:
        load_use_case("flights")
    return [line.strip() for line in str(refused.value).splitlines()[1:]]


@pytest.mark.bad_input("B22")
def test_all_mistakes_are_listed_at_once_with_line_and_suggestion(folder: Path) -> None:
    file = folder / "use_case.yaml"
    change(file, "owner: flight-operations\n", "")
    lines = {
        "tittle": change(file, "title:", "tittle:"),
        "event_time": change(file, "sched_dep_time % 100, 0)", "sched_dep_time % 100, 0"),
        "key": change(file, "key: [carrier, flight, origin]", "key: [carier, flight, origin]"),
        "sql": change(file, "sql: arr_delay > 15 ", "sql: '(arr_delay > 15' "),
        "model": change(file, "    lightgbm:", "    lightgmb:"),
        "window": change(file, "drift:\n  window: 7", "drift:\n  windw: 7") + 1,
    }
    query = change(folder / "features.sql", "SELECT\n", "SELCT\n")
    reported = mistakes()
    expected = [
        "line 1: title: missing",
        "line 1: owner: missing",
        f"line {lines['tittle']}: tittle: not a key of this section. Did you mean 'title'?",
        f"line {lines['event_time']}: data.event_time: ( is never closed",
        f"line {lines['key']}: data.key: 'carier' is not among the columns. "
        "Did you mean 'carrier'? (found ",
        f"line {lines['sql']}: data.target.sql: ( is never closed",
        f"line {lines['model']}: model.algorithms.lightgmb: "
        "expected one of the algorithms of kind binary: "
        "logistic_regression, random_forest, gradient_boosted_trees, naive_bayes, lightgbm. "
        "Did you mean 'lightgbm'? (found 'lightgmb')",
        f"line {lines['window']}: drift.windw: not a key of this section. Did you mean 'window'?",
        f"features.sql line {query}: found 'SELCT', expected a query such as SELECT. "
        "Did you mean 'SELECT'?",
    ]
    assert not_reported(expected, reported) == [], "\n".join(reported)
    assert len(reported) == len(expected), "\n".join(reported)
    of_yaml = [line for line in reported if not line.startswith("features.sql")]
    assert of_yaml == reported[:-1], "the query's come last"


def not_reported(expected: list[str], reported: list[str]) -> list[str]:
    """The expected beginnings that no reported line has."""
    return [text for text in expected if not any(line.startswith(text) for line in reported)]


@pytest.mark.bad_input("B22")
@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('cron: "@daily"', "cron: daily at noon", "schedule.cron: expected a cron expression"),
        (
            "start: 2013-01-01\n\nspark",
            "start: 2013-02-30\n\nspark",
            "not readable as YAML: day is out of range",
        ),
        ("  window: 7", "  window: 7\n  window: 8", "window: given twice, first in line"),
        ("gate:\n", "gate: [\n", "not readable as YAML"),
        ("  files: flights_{day}.csv", "  files: flights_{date}.csv", "expected a name with {day}"),
        (
            "  files: flights_{day}.csv",
            "  files: flights_{day.x}.csv",
            "expected a name with {day}",
        ),
        ('cron: "@daily"', "cron: 0 6 * * 1", "expected a tick for each day"),
        ("low: 0.0001, high: 0.1", "low: 0.1, high: 0.0001", "expected low below high"),
        ("[15, 31, 63]", "[15, 15, 63]", "expected every value once"),
        ("    weather:\n", "    clean:\n", "name the lookup otherwise"),
        ("aviation", "a" * 101, "tags.0:"),
        ("kind: binary", "kind: multiclass", "target.classes: expected for kind multiclass"),
        (
            "  metric: auc\n  rule",
            "  metric: rmse\n  rule",
            "gate.metric: expected one of the metrics of kind binary",
        ),
        (
            "  metric: auc\n  rule",
            "  metric: value\n  rule",
            "gate: the metric value needs model.costs",
        ),
        ("rule: better", "rule: not_worse", "gate: design_gain: does nothing under rule not_worse"),
        ("design_gain: 0.05", "margin: 0.02", "gate: margin: does nothing under rule better"),
        (
            "design_gain: 0.05",
            "design_gain: 0.05\n  min_gain: 0.05",
            "gate: design_gain: found 0.05, expected more than min_gain",
        ),
        (
            "max_loss: 0.1",
            "max_los: 0.1",
            "gate.slices.max_los: not a key of this section. Did you mean 'max_loss'?",
        ),
        (
            "latency_ms: 20",
            "latency: 20",
            "gate.required.latency: not a key of this section. Did you mean 'latency_ms'?",
        ),
        (
            "  rule: better",
            "  rule: better\n  unit: tailnun",
            "gate: unit: 'tailnun' is not partition, day, row or a column. Did you mean 'tailnum'?",
        ),
        ("  holdout: 14", "  holdout: 4", "gate: unit: with model.holdout 4 a gain rests on as"),
        ("  holdout: 14", "  holdout: 0.2", "model.holdout: expected a number of partitions"),
        (
            "null_values:",
            "alerts: {email: [ops]}\n  null_values:",
            "data.alerts: not a key of this section",
        ),
        ("gate:\n", "alerts: {email: [nobody]}\ngate:\n", "alerts.email.0:"),
        ('cron: "@daily"', "partition: month", "files: {day} is for partitions of days and hours"),
        (
            "arr_time, arr_delay, air_time]",
            "arr_time, air_time]",
            "known_after: expected some of ['arr_delay'] among them",
        ),
        (
            "try_make_timestamp(year, month, day,",
            "try_make_timestamp(year, month, dep_time,",
            "event_time: found ['dep_time']",
        ),
        ("  null_values:", "  history: -1\n  null_values:", "data.history:"),
        (
            "  null_values:",
            "  format: {encoding: LATIN-99}\n  null_values:",
            "expected an encoding of text such as UTF-8",
        ),
        (
            "  null_values:",
            "  catalog: {table: clean}\n  null_values:",
            "a table that Updraft writes itself",
        ),
    ],
)
def test_other_mistakes_are_named_with_their_line(
    folder: Path, old: str, new: str, message: str
) -> None:
    change(folder / "use_case.yaml", old, new)
    with pytest.raises(UpdraftError) as refused:
        load_use_case("flights")
    assert message in str(refused.value)


@pytest.mark.bad_input("B22")
def test_each_wrong_hyperparameter_is_named_with_its_line_and_hides_no_other_mistake(
    folder: Path,
) -> None:
    file = folder / "use_case.yaml"
    lightgbm = change(file, "subsample_freq: 1", "subsample_frequency: 1")
    change(file, "colsample_bytree: 0.8}", "colsample_bytree: 0.8, random_state: 3}")
    leaves = change(
        file,
        "        num_leaves: [15, 31, 63]",
        "        num_leafs: [15, 31, 63]\n        bagging_fraction: [0.5]",
    )
    change(file, "low: 0.0001, high: 0.1", "low: 0.1, high: 0.0001")
    linear = change(file, "        regParam:", "        penalty: [1]\n        regParam:")
    expected = [
        f"line {linear}: model.algorithms.logistic_regression.search.penalty: "
        "expected the name of a hyperparameter "
        "of logistic_regression that is for a use case to set (found 'penalty')",
        f"line {linear + 1}: model.algorithms.logistic_regression.search.regParam."
        "function-after[_is_a_range(), Bounds]: expected low below high",
        f"line {lightgbm + 1}: model.algorithms.lightgbm.fixed.random_state: "
        "expected the name of a hyperparameter",
        f"line {lightgbm + 1}: model.algorithms.lightgbm.fixed.subsample_frequency: "
        "expected the name of a hyperparameter of lightgbm that is for a use case to set. "
        "Did you mean 'subsample_freq'? (found 'subsample_frequency')",
        f"line {leaves + 1}: model.algorithms.lightgbm.search.num_leafs: "
        "expected the name of a hyperparameter of lightgbm that is for a use case to set. "
        "Did you mean 'num_leaves'?",
        f"line {leaves + 2}: model.algorithms.lightgbm.search.bagging_fraction: "
        "another name of subsample, which is given too; keep one",
    ]
    reported = mistakes()
    assert not_reported(expected, reported) == [], "\n".join(reported)


@pytest.mark.parametrize(
    ("kind", "algorithm", "name", "meant"),
    [
        ("binary", "logistic_regression", "regparam", "regParam"),
        ("multiclass", "gradient_boosted_trees", "max_depth", "maxDepth"),
        ("binary", "naive_bayes", "modeltype", "modelType"),
        ("regression", "lightgbm", "num_leafs", "num_leaves"),
        ("regression", "lightgbm", "max_leaves", "num_leaves"),
        ("binary", "lightgbm", "sigmoid", None),
        ("regression", "generalized_linear_regression", "links", "link"),
        ("regression", "random_forest", "n_trees", "numTrees"),
        ("regression", "random_forest", "thresholds", None),
        ("clustering", "gaussian_mixture", "seed", None),
        ("clustering", "bisecting_k_means", "maxiter", "maxIter"),
        ("recommendation", "als", "userCol", None),
        ("recommendation", "als", "implicitprefs", "implicitPrefs"),
    ],
)
def test_a_hyperparameter_that_is_not_for_a_use_case_to_set_is_refused(
    kind: Kind, algorithm: str, name: str, meant: str | None
) -> None:
    (details,) = wrong_names(kind, {algorithm: {"search": {name: [1, 2]}}})
    assert details["loc"] == (algorithm, "search", name)
    hint = f". Did you mean '{meant}'?" if meant else ""
    assert str(details["type"]).endswith(f"of {algorithm} that is for a use case to set{hint}")


@pytest.mark.bad_input("B22")
@pytest.mark.parametrize("content", [b"", b"- a list", b"\xff\xfe\x00 no text", b"a: &x {b: *x}\n"])
def test_a_file_that_is_no_use_case_is_refused_as_one(folder: Path, content: bytes) -> None:
    (folder / "use_case.yaml").write_bytes(content)
    with pytest.raises(UpdraftError, match=r"use_case\.yaml"):
        load_use_case("flights")


@pytest.mark.bad_input("B22")
def test_other_use_cases_keep_working(folder: Path) -> None:
    (folder / "features.sql").unlink()
    assert use_case_names() == ["departures", "flights"]
    assert [use_case.name for use_case in valid_use_cases()] == ["departures"]
    assert list(broken_use_cases()) == ["flights"]
    assert "features.sql not found" in broken_use_cases()["flights"]


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT ')' AS a, \"(\" AS b, `[` AS c -- (\n/* ( */ FROM clean",
        "SELECT 'it''s', 'a\\'b (', r'\\' AS d FROM t",
        "WITH a AS (SELECT array(1)[0] AS x) SELECT x FROM a;",
    ],
)
def test_brackets_in_texts_and_comments_are_no_mistake(sql: str) -> None:
    assert list(mistakes_in(sql)) == []


@pytest.mark.parametrize(
    ("sql", "line", "message"),
    [
        ("SELECT (\n1", 0, "( is never closed"),
        ("SELECT\n1)", 1, ") closes nothing"),
        ("SELECT a[0)", 0, ") closes nothing"),
        ("SELECT\n'abc", 1, "' is never closed"),
        ("SELECT 1 /* x", 0, "/* is never closed"),
    ],
)
def test_what_never_closes_is_found_on_its_line(sql: str, line: int, message: str) -> None:
    ((reported_line, text),) = mistakes_in(sql)
    assert (reported_line, message in text) == (line, True), text
