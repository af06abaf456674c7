"""A registered version answers without Spark: a server of predictions needs no JVM."""

import sys
from pathlib import Path

from tests.conftest import run
from tests.models.tiny_onnx import tiny_model
from updraft.core.settings import REPO

ANSWER = """
import sys
from pathlib import Path

from tests.models.tiny_onnx import ROWS
from updraft.core.kinds import Task
from updraft.models import answers, feature_columns, onnx_runtime

score = onnx_runtime.session(Path(sys.argv[1]).read_bytes())
labels = answers.decide(score(ROWS), Task("binary"), threshold=0.5)
assert labels.tolist() == [0.0, 1.0, 1.0], labels
assert feature_columns.FeatureColumns(["x"], ["kind"]).all == ["kind", "x"]
"""
# Records need MLflow, which imports pyspark where it is installed, but works without it.
RECORDS = """
from updraft.models import provenance, tracking, versions

assert versions.evidence_file("0123") == "evidence/0123.json"
assert tracking.metric_key("f1_a b!") == "f1_a b:21:"
assert provenance.dag_run_tags("somewhere.json") == {}
"""
NOTHING_OF_SPARK = """
loaded = [name for name in sys.modules if name.partition(".")[0] in ("pyspark", "py4j", "delta")]
assert not loaded, loaded
"""
NO_SPARK_TO_IMPORT = """
import sys

for package in ("pyspark", "py4j", "delta"):
    sys.modules[package] = None
"""
NO_GATEWAY = """
from pyspark import SparkContext

assert SparkContext._gateway is None
assert SparkContext._jvm is None
"""


def run_code(code: str, folder: Path) -> None:
    """Run code in a fresh interpreter, with the tiny model's file as its argument."""
    model = folder / "model.onnx"
    model.write_bytes(tiny_model().SerializeToString())
    result = run(sys.executable, "-c", code, model, PYTHONPATH=str(REPO))
    assert result.returncode == 0, result.stderr


def test_an_answer_loads_nothing_of_spark(tmp_path: Path) -> None:
    run_code(ANSWER + NOTHING_OF_SPARK, tmp_path)


def test_answers_and_records_work_where_spark_is_not_installed(tmp_path: Path) -> None:
    run_code(NO_SPARK_TO_IMPORT + ANSWER + RECORDS, tmp_path)


def test_answers_and_records_start_no_jvm_where_spark_is_installed(tmp_path: Path) -> None:
    run_code(ANSWER + RECORDS + NO_GATEWAY, tmp_path)
