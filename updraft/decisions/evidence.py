"""The evidence on which a challenger is judged: one document, complete or worthless."""

from datetime import date

from pydantic import BaseModel, ConfigDict


class Strict(BaseModel):
    """A part of the evidence: nothing unknown in it, nothing changed later."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Holdout(Strict):
    """The rows on which both were scored: a version of the features table, and days of it."""

    table: str
    version: int
    first: date
    last: date
    rows: int
    positives: int


class Candidate(Strict):
    """A model as it did on the holdout, and the last day of the rows that it was trained or tuned on."""

    version: int
    algorithm: str
    trained_until: date
    description: str
    metrics: dict[str, float]


class Gain(Strict):
    """The challenger's metric less the champion's on the same rows, with its bootstrap interval."""

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
