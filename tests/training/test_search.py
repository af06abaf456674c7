"""Searches on real flights: repeatable, in batches of parallel trials, within a time limit."""

import re
from typing import Any

import pytest
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from updraft.core.errors import UpdraftError
from updraft.core.kinds import Task
from updraft.core.registry import CHAMPION
from updraft.core.schema import LABEL, feature_names
from updraft.core.sections import Algorithm, Bounds, Model, Search
from updraft.core.use_case import UseCase
from updraft.data.lineage import Input
from updraft.data.tables import partitions_of
from updraft.models.feature_columns import FeatureColumns
from updraft.models.tracking import connect
from updraft.training.challenger import make_challenger
from updraft.training.sampler import Sampler
from updraft.training.search import SearchOutcome, check_rows, search
from updraft.training.trials import Trial
from updraft.training.windows import split_days

LIGHTGBM = Algorithm(
    fixed={"n_estimators": 10, "subsample": 0.8, "subsample_freq": 1},
    search={
        "num_leaves": Bounds(low=4, high=64, log=True),
        "learning_rate": Bounds(low=0.001, high=0.5, log=True),
    },
)
LINEAR = Algorithm(
    fixed={"maxIter": 3},
    search={"regParam": [0.001, 0.01, 0.1], "elasticNetParam": [0.0, 1.0]},
)

FEATURES_INPUT = Input(table="features", id="id", version=0)


@pytest.fixture(scope="module")
def few(frame: DataFrame) -> DataFrame:
    """A fifth of the labelled flights: enough to judge models, and quickly."""
    sample = frame.where(f"{LABEL} IS NOT NULL AND pmod(hash(row_id), 5) = 0")
    return sample.repartition(2).cache()


def run_search(few: DataFrame, algorithms: dict[Any, Algorithm], **settings: Any) -> SearchOutcome:
    model = Model(window=30, holdout=4, algorithms=algorithms, search=Search(seed=7, **settings))
    split = split_days(partitions_of(few), model)
    rows = few.where(few.event_date <= split.train[-1])
    columns = FeatureColumns.of(rows, feature_names(rows.columns))
    reported: list[Trial] = []
    outcome = search(rows, columns, split, Task("binary"), model, reported.append)
    assert reported == outcome.trials
    assert [trial.number for trial in reported] == list(range(len(reported)))
    return outcome


def overlap(first: Trial, second: Trial) -> bool:
    return max(first.started, second.started) < min(first.ended, second.ended)


def test_the_same_seed_gives_the_same_trials_the_same_pruning_and_the_same_winner(
    few: DataFrame,
) -> None:
    linear = Algorithm(fixed={"maxIter": 3}, search={"regParam": [0.001, 0.1]})
    algorithms = {"logistic_regression": linear, "lightgbm": LIGHTGBM}
    settings = {"method": "tpe", "trials": 6, "folds": 2, "parallelism": 2}
    outcome = run_search(few, algorithms, **settings)
    repeated = run_search(few, algorithms, **settings)
    trials = outcome.trials
    assert len(trials) == outcome.planned == 8
    assert not outcome.stopped_early
    for first, second in zip(trials, repeated.trials, strict=True):
        assert first.algorithm == second.algorithm
        assert first.parameters == second.parameters
        assert first.pruned == second.pruned
        assert first.metrics == pytest.approx(second.metrics, abs=1e-4)
    assert outcome.best.number == repeated.best.number
    assert not outcome.best.pruned
    complete = [trial.metrics["auc"] for trial in trials if not trial.pruned]
    assert outcome.best.metrics["auc"] >= max(complete) - 1e-4
    pruned = [trial for trial in trials if trial.pruned]
    assert pruned
    assert all(len(trial.folds) == 1 for trial in pruned)
    assert len({str(trial.parameters) for trial in trials}) == 8, "nothing is tried twice"
    for first, second in zip(trials[::2], trials[1::2], strict=True):
        assert overlap(first, second), "the trials of a batch run at the same time"
    for last, first in zip(trials[1::2], trials[2::2], strict=False):
        assert not overlap(last, first), "a batch begins when the one before has ended"


def test_without_pruning_every_trial_sees_every_fold(few: DataFrame) -> None:
    outcome = run_search(few, {"lightgbm": LIGHTGBM}, trials=5, folds=2, pruning=False)
    assert [len(trial.folds) for trial in outcome.trials] == [2] * 5


@pytest.mark.parametrize("method", ["random", "tpe"])
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_small_spaces_are_tried_completely_and_nothing_twice(method: str, seed: int) -> None:
    algorithm = Algorithm(search={"max_depth": Bounds(low=3, high=5), "num_leaves": [7, 15, 31]})
    assert algorithm.combinations == 9
    search = Search(method=method, trials=9, seed=seed, pruning=False)  # type: ignore[arg-type]
    model = Model(holdout=1, algorithms={"lightgbm": algorithm}, search=search)
    sampler = Sampler(algorithm, model)
    tried = []
    for _ in range(9):
        optuna_trial = sampler.ask()
        tried.append(tuple(optuna_trial.params.values()))
        sampler.tell(optuna_trial, 0.5)
    assert len(set(tried)) == 9


def test_a_grid_is_tried_completely_and_once(few: DataFrame) -> None:
    algorithm = Algorithm(
        fixed={"n_estimators": 5},
        search={"num_leaves": [4, 8, 16], "learning_rate": [0.1, 0.2]},
    )
    outcome = run_search(
        few, {"lightgbm": algorithm}, method="grid", trials=20, folds=1, parallelism=3
    )
    tried = [
        (trial.parameters["num_leaves"], trial.parameters["learning_rate"])
        for trial in outcome.trials
    ]
    assert tried == [(leaves, rate) for leaves in (4, 8, 16) for rate in (0.1, 0.2)]
    assert not any(trial.pruned for trial in outcome.trials)


def test_minutes_are_a_stop_after_the_first_batch_and_every_record_says_so(
    few: DataFrame, small: UseCase
) -> None:
    settings = Search(trials=4, folds=1, minutes=0.0001, parallelism=2, seed=1)
    algorithms = {"logistic_regression": LINEAR, "lightgbm": LIGHTGBM}
    model = small.model.model_copy(update={"search": settings, "algorithms": algorithms})
    use_case = small.model_copy(update={"name": "hurried", "model": model})
    split = split_days(partitions_of(few), model)
    report = make_challenger(
        use_case, few, FEATURES_INPUT, split, "reports/hurried/search_and_fit.json", {}
    ).report
    assert (report.trials, report.planned, report.cut) == (2, 8, True)
    client = connect(use_case)
    version = client.get_model_version("hurried", str(report.version))
    assert version.tags["updraft.search_cut"] == "2 of 8 trials"
    assert "stopped by its time limit, after 2 of 8 trials" in version.description
    children = client.search_runs(
        [report.experiment_id], f"tags.mlflow.parentRunId = '{report.run_id}'"
    )
    tried = {child.data.params["algorithm"] for child in children}
    assert tried == set(algorithms), "the algorithms take turns"


def test_a_pruned_trial_is_recorded_as_pruned_with_its_folds_so_far(
    few: DataFrame, small: UseCase
) -> None:
    worse_and_worse = Algorithm(
        fixed={"n_estimators": 10}, search={"learning_rate": [0.3, 0.2, 0.1, 0.00001]}
    )
    settings = Search(method="grid", trials=4, folds=2, parallelism=1, seed=1)
    algorithms = {"lightgbm": worse_and_worse}
    model = small.model.model_copy(
        update={"search": settings, "holdout": 4, "algorithms": algorithms}
    )
    use_case = small.model_copy(update={"name": "pruned", "model": model})
    split = split_days(partitions_of(few), model)
    report = make_challenger(
        use_case, few, FEATURES_INPUT, split, "reports/pruned/search_and_fit.json", {}
    ).report
    assert (report.trials, report.pruned, report.cut) == (4, 1, False)
    client = connect(use_case)
    children = client.search_runs(
        [report.experiment_id], f"tags.mlflow.parentRunId = '{report.run_id}'"
    )
    pruned = [child for child in children if child.data.tags["updraft.trial"] == "pruned"]
    assert [child.data.params["learning_rate"] for child in pruned] == ["1e-05"]
    assert "auc" not in pruned[0].data.metrics
    assert len(client.get_metric_history(pruned[0].info.run_id, "fold_auc")) == 1


@pytest.mark.bad_input("B17")
@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ("label = 1", "found 0 of class 0 and"),
        (
            "label = 1 OR event_date < DATE'2013-02-06'",
            "which a fold is judged on, expected both",
        ),
        ("pmod(hash(row_id), 3000) = 0", "expected at least 100"),
    ],
)
def test_rows_that_cannot_be_trained_on_stop_the_training_and_the_champion_stays(
    few: DataFrame, frame: DataFrame, small: UseCase, rows: str, message: str
) -> None:
    model = small.model.model_copy(update={"algorithms": {"lightgbm": LIGHTGBM}})
    use_case = small.model_copy(update={"name": "starved", "model": model})
    split = split_days(partitions_of(frame), model)
    client = connect(use_case)
    if not client.search_registered_models("name = 'starved'"):
        first = make_challenger(
            use_case, few, FEATURES_INPUT, split, "reports/starved/first.json", {}
        ).report
        client.set_registered_model_alias("starved", CHAMPION, str(first.version))
    before = client.get_model_version_by_alias("starved", CHAMPION)
    with pytest.raises(UpdraftError, match=message):
        make_challenger(
            use_case, frame.where(rows), FEATURES_INPUT, split, "reports/starved/second.json", {}
        )
    assert client.get_model_version_by_alias("starved", CHAMPION).version == before.version
    assert len(client.search_model_versions("name = 'starved'")) == 1


@pytest.mark.parametrize(
    ("fixed", "reason"),
    [
        ({"n_estimators": -3}, "boosting rounds"),
        ({"n_estimators": "five"}, "n_estimators|'<=' not supported|five"),
        ({"class_weight": "bogus"}, "class_weight"),
        ({"early_stopping_rounds": 3}, "early stopping"),
        ({"num_leaves": 1}, "num_leaves"),
    ],
)
def test_parameters_that_lightgbm_refuses_do_not_end_the_search(
    few: DataFrame, fixed: dict[str, object], reason: str
) -> None:
    """(08.24) Whether its library or its Python part refuses them."""
    algorithms = {"lightgbm": Algorithm(fixed=fixed), "logistic_regression": LINEAR}
    outcome = run_search(few, algorithms, trials=2, folds=1)
    assert outcome.best.algorithm == "logistic_regression"
    (failure,) = {str(trial.failure) for trial in outcome.trials if trial.failure is not None}
    assert re.search(rf"model\.algorithms\.lightgbm: .*({reason})", failure), failure


def test_a_category_without_values_in_an_early_fold_does_not_end_the_search(
    few: DataFrame,
) -> None:
    """(08.24) As a column that begins later than the training rows."""
    first = partitions_of(few)[-12]
    late = F.when(F.col("event_date") < F.lit(first), "None").otherwise(F.col("carrier"))
    frame = few.withColumn("carrier", late)
    outcome = run_search(frame, {"lightgbm": LIGHTGBM}, trials=1, folds=2)
    assert outcome.best.failure is None


@pytest.mark.bad_input("B17")
def test_ten_rows_on_ten_days_are_too_few(few: DataFrame, small: UseCase) -> None:
    ten = few.dropDuplicates(["event_date"]).orderBy("event_date").limit(10).cache()
    days = partitions_of(ten)
    with pytest.raises(UpdraftError, match="found 10 labelled partitions, expected at least 29"):
        split_days(days, small.model)
    model = small.model.model_copy(update={"holdout": 1})
    with pytest.raises(UpdraftError, match="found 8 labelled rows in"):
        check_rows(ten, split_days(days, model), small.task, model)


def test_a_family_that_refuses_the_rows_does_not_end_the_search(few: DataFrame) -> None:
    """(08.24) It is reported with its reason; if all refuse, that is the error."""
    wrong = Algorithm(fixed={"maxIter": 3, "regParam": -1.0})
    outcome = run_search(
        few, {"logistic_regression": wrong, "lightgbm": LIGHTGBM}, trials=2, folds=1
    )
    failed = [trial for trial in outcome.trials if trial.failure is not None]
    assert {trial.algorithm for trial in failed} == {"logistic_regression"}
    assert all("regParam" in str(trial.failure) for trial in failed)
    assert outcome.best.algorithm == "lightgbm"
    with pytest.raises(UpdraftError, match=r"logistic_regression: .*regParam"):
        run_search(few, {"logistic_regression": wrong}, trials=1, folds=1)
