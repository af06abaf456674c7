"""The evidence on a challenger: one document that is complete or worthless, known by its hash."""

import hashlib
import json
from datetime import date
from typing import Any

from pydantic import AwareDatetime, BaseModel, ConfigDict


class Strict(BaseModel):
    """A part of the evidence: without unknown keys, without type conversions, immutable."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Holdout(Strict):
    """The rows that both models have scored.

    Attributes:
        table: The table that they come from.
        version: Its version.
        sha256: The hash of their ids and labels, ordered by id.
        split: For a snapshot, the name of the split.
        first: Their first day; None for a snapshot.
        last: Their last day; None for a snapshot.
        rows: The number of rows.
        keys: The number of distinct row ids.
        labels: The number of distinct labels; None for kinds without labels.
        positives: For binary labels, the number of rows of the positive class.
        unit: Which rows count as one, see ``UseCase.unit_of_gain``.
        units: By each metric that the gate uses, from how many units it is computed; of a metric of
            users, from how many users.
    """

    table: str
    version: int
    sha256: str
    split: str | None
    first: date | None
    last: date | None
    rows: int
    keys: int
    labels: int | None
    positives: int | None
    unit: str
    units: dict[str, int]


class Audit(Strict):
    """The results of the audits of the training and holdout partitions.

    Attributes:
        bronze: The number of raw rows.
        clean: The rows that passed.
        quarantined: The rows that failed.
        unfinished: Partitions with a raw row that is neither clean nor quarantined, because it
            arrived after the last audit that passed.
        unaudited: Keys of the holdout that are no longer among the clean rows; 0 if the features
            have keys of their own.
    """

    bronze: int
    clean: int
    quarantined: int
    unfinished: list[date]
    unaudited: int


class Candidate(Strict):
    """One model on the holdout, and what shows that it was not trained on it.

    Attributes:
        version: Its number in the model registry.
        algorithm: The algorithm that trained it.
        sha256: The hash of its file.
        judged_on: The hash of the rows that it has scored, computed as the holdout's is.
        trained_until: The last day of its training rows; None for a snapshot.
        learnt: The number of rows that it was trained and tuned on, in the version of the table
            that it was trained on; None if that version can no longer be read.
        overlap: How many of the holdout's keys are among those rows; None with ``learnt``.
        description: Its description in the registry.
        card: Its model card.
        metrics: Its metrics on the holdout.
        latency_ms: The 95th percentile of the time to score a single row, in milliseconds.
        size_mb: The size of its file in millions of bytes.
    """

    version: int
    algorithm: str
    sha256: str
    judged_on: str
    trained_until: date | None
    learnt: int | None
    overlap: int | None
    description: str
    card: str
    metrics: dict[str, float]
    latency_ms: float
    size_mb: float


class Gain(Strict):
    """How much better the challenger is than the champion on the same rows.

    Positive values favour the challenger: for a metric of which less is better, the gain is the
    champion's value minus the challenger's.

    Attributes:
        metric: The metric that is compared.
        value: The gain.
        lower: The lower end of its interval.
        upper: The upper end.
        confidence: The confidence level of the interval.
        error: Its standard error, by the units on which it rests.
    """

    metric: str
    value: float
    lower: float
    upper: float
    confidence: float
    error: float

    @property
    def interval(self) -> str:
        """The interval in words."""
        return f"{100 * self.confidence:.4g} % interval {self.lower:+.4f} to {self.upper:+.4f}"


class Slice(Strict):
    """The gain on the rows of one group: those that have ``value`` in ``column``."""

    column: str
    value: str
    rows: int
    gain: Gain


class Labels(Strict):
    """How complete the labels are that the models are judged by, and how new.

    Attributes:
        holdout_rows: The rows of the holdout's partitions, with a label or without.
        training_rows: Those of the challenger's training partitions; None if that version of the
            table can no longer be read.
        newest_mature: The newest partition with labelled rows whose labels were complete when the
            evidence was made; None for a snapshot.
    """

    holdout_rows: int
    training_rows: int | None
    newest_mature: date | None


class Baseline(Strict):
    """What can be answered without a model, on the same rows.

    Attributes:
        name: What it answers, in words.
        judged_on: The hash of the rows that it was judged on, computed as the holdout's is.
        learnt: The number of rows that it was computed from: the challenger's training rows.
        metrics: Its metrics on the holdout.
        gain: The challenger's gain over it.
    """

    name: str
    judged_on: str
    learnt: int
    metrics: dict[str, float]
    gain: Gain


class Evidence(Strict):
    """Everything that the gate decides on.

    Attributes:
        use_case: The name of the use case.
        owner: Its owner.
        made: When the evidence was made, with a time zone.
        code: The commit that made it.
        look: 1 if no other challenger has been judged on rows of this holdout, 2 after one, ...
        holdout: The rows that the models were compared on.
        audit: What the audits say about the rows.
        challenger: The model to be judged.
        champion: The model that it is compared with; None for the first model of a use case.
        gain: The challenger's gain; None with ``champion``.
        slices: The gains in the groups that ``gate.slices`` declares.
        labels: How complete and how new the labels are.
        baseline: What can be answered without a model; None if the challenger's training rows can
            no longer be read.
    """

    use_case: str
    owner: str
    made: AwareDatetime
    code: str
    look: int
    holdout: Holdout
    audit: Audit
    challenger: Candidate
    champion: Candidate | None
    gain: Gain | None
    slices: list[Slice]
    labels: Labels
    baseline: Baseline | None


def read_evidence(document: dict[str, Any]) -> Evidence:
    """Parse a document strictly: a text or a boolean is not accepted as a number.

    Raises:
        ValidationError: A part is missing, unknown or of the wrong type.
    """
    return Evidence.model_validate_json(json.dumps(document))


def sha256(document: dict[str, Any]) -> str:
    """Return the hash of a document; the order of its keys does not matter."""
    text = json.dumps(document, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()
