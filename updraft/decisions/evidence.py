"""The evidence on which a challenger is judged: one document, complete or worthless."""

from datetime import date

from pydantic import BaseModel, ConfigDict


class Strict(BaseModel):
    """A part of the evidence: nothing unknown in it, nothing changed later."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Holdout(Strict):
    """The rows on which both were scored: a version of the features table, and days of it or, of a snapshot, its ``split``.

    ``keys``: different rows among them. ``labels``: different labels, none where there are no labels; ``positives``: of
    binary ones, the rows of the positive class. ``units``: by metric that the gate asks for, how many rows (or users, where
    things are ranked for them) it is a figure of.
    """

    table: str
    version: int
    split: str | None
    first: date | None
    last: date | None
    rows: int
    keys: int
    labels: int | None
    positives: int | None
    units: dict[str, int]


class Candidate(Strict):
    """A model as it did on the holdout, and what shows that it has not seen it.

    ``trained_until``: the last day of the rows that it was trained or tuned on. Of a snapshot, which has no days,
    ``overlap``: how many of the holdout's keys were among these rows, in the version of the table that it was trained on.
    """

    version: int
    algorithm: str
    trained_until: date | None
    overlap: int | None
    description: str
    metrics: dict[str, float]


class Gain(Strict):
    """By how much the challenger is better in a metric, on the same rows, with its bootstrap interval.

    Positive is better: where less of a metric is better, the gain is the champion's less the challenger's.
    """

    metric: str
    value: float
    lower: float
    upper: float
    confidence: float


class Evidence(Strict):
    """``champion`` and ``gain`` are absent together: for the first model of a use case."""

    use_case: str
    holdout: Holdout
    challenger: Candidate
    champion: Candidate | None
    gain: Gain | None
