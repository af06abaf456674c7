"""`updraft schema` prints all that a use_case.yaml may hold, and nothing else."""

import json
import re

import yaml
from typer.testing import CliRunner

from updraft.cli.main import app
from updraft.core.kinds import TRAITS
from updraft.core.sections import Data, FileFormat, Lookup, Model, Search
from updraft.core.settings import REPO
from updraft.core.use_case import UseCase


def schema_output(*options: str) -> str:
    result = CliRunner().invoke(app, ["schema", *options])
    assert result.exit_code == 0
    return result.stdout


def test_it_names_every_key_with_its_type_default_and_meaning() -> None:
    text = schema_output()
    content = yaml.safe_load(text)
    assert set(content) == set(UseCase.model_fields) - {"name", "folder"}
    assert set(content["data"]) == set(Data.model_fields)
    assert set(content["model"]) == set(Model.model_fields)
    assert set(content["model"]["search"]) == set(Search.model_fields)
    assert set(content["data"]["format"]) == set(FileFormat.model_fields)
    assert set(content["data"]["lookups"]["<name>"]) == set(Lookup.model_fields)
    lines = [line.strip() for line in text.splitlines()]
    assert "max_quarantine:  # number >= 0 <= 1; default 0.1" in lines
    assert "start:  # date; required" in lines
    trials = next(number for number, line in enumerate(lines) if line.startswith("trials:"))
    assert lines[trials - 1] == f"# {Search.model_fields['trials'].description}"
    rules = next(line for line in lines if line.startswith("rule:"))
    assert {"better", "not_worse"} <= set(re.findall(r"\w+", rules))


def test_it_lists_algorithms_and_metrics_by_kind_and_the_source_of_hyperparameter_names() -> None:
    text = re.sub(r"\n +#", "", schema_output())  # Its lines are wrapped.
    for kind, traits in TRAITS.items():
        assert f" Kind {kind}: {', '.join(traits.algorithms)}." in text
        assert f" Kind {kind}: {', '.join(traits.metrics)}." in text
    assert " Hyperparameters: " in text


def test_every_key_is_explained() -> None:
    lines = schema_output().splitlines()
    keys = [number for number, line in enumerate(lines) if re.match(r" *\w+:  #", line)]
    assert len(keys) > 50
    unexplained = [
        lines[number] for number in keys if not lines[number - 1].lstrip().startswith("# ")
    ]
    assert unexplained == []


def test_the_json_schema_knows_every_key_of_the_use_cases() -> None:
    schema = json.loads(schema_output("--json"))
    assert not {"name", "folder"} & {*schema["properties"], *schema["required"]}
    files = list((REPO / "use_cases").glob("*/use_case.yaml"))
    assert files
    for file in files:
        content = yaml.safe_load(file.read_text())
        assert set(schema["required"]) <= set(content) <= set(schema["properties"])
