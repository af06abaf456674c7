"""The description of a version, a model card in Markdown, as people read it in MLflow."""

from mlflow.utils.mlflow_tags import MLFLOW_GIT_COMMIT

from updraft.core.use_case import UseCase
from updraft.evaluation.kinds import kind_of
from updraft.evaluation.used_rows import UsedRows
from updraft.training.search import SearchOutcome
from updraft.training.windows import DataSplit

CHANGES = {"true": ", with changes that are not committed", "false": "", "unknown": ""}


def model_card(
    use_case: UseCase,
    outcome: SearchOutcome,
    split: DataSplit,
    used: UsedRows,
    origin: dict[str, str],
) -> str:
    """The model card of the best trial.

    Its first paragraph is the summary that the evidence contains; the gate appends the verdict.
    ``used``: the training rows; ``origin``: the tags of code and DAG run.
    """
    best = outcome.best
    parameters = ", ".join(f"{name} {value}" for name, value in best.parameters.items())
    commit = origin[MLFLOW_GIT_COMMIT][:12]
    summary = " ".join(
        [
            f"{kind_of(use_case.task).purpose(use_case)}.",
            f"{best.algorithm} ({parameters or 'defaults'}), trained on {split.name}.",
            *_search_sentences(outcome, use_case.model.metric),
            f"Owner: {use_case.owner}.",
        ]
    )
    return f"""\
{summary}

- Trained on {used}
- DAG run: {_dag_run(origin)}
- Code: commit `{commit}`{CHANGES[origin["updraft.dirty"]]}
- In the training's run: plots in `plots/`, `features.sql`, `drift_reference.json`, `evidence/`, \
a child run for each trial
"""


def search_progress(outcome: SearchOutcome) -> str:
    """How far a search got."""
    return f"{len(outcome.trials)} of {outcome.planned} trials"


def _search_sentences(outcome: SearchOutcome, metric: str) -> list[str]:
    blocks = _count(len(outcome.best.folds), "validation block")
    value = f"{metric} {outcome.best.metrics[metric]:.4f}"
    if outcome.planned == 1:
        return [f"Nothing to choose from, so nothing was searched; on {blocks}: {value}."]
    sentences = [f"Mean over {blocks}: {value}."]
    if outcome.stopped_early:
        progress = search_progress(outcome)
        sentences.append(f"The search was stopped by its time limit, after {progress}.")
    return sentences


def _dag_run(origin: dict[str, str]) -> str:
    if "updraft.dag_run_id" not in origin:
        return "none, by hand"
    name = origin["updraft.dag_run_id"]
    if "updraft.dag_run_url" in origin:
        return f"[{name}]({origin['updraft.dag_run_url']})"
    return f"`{name}`"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
