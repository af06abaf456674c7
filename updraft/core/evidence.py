"""The evidence on which a challenger is judged: one document, complete or worthless, known by its hash."""

import hashlib
import json
from datetime import date
from typing import Any

from pydantic import AwareDatetime, BaseModel, ConfigDict


class Strict(BaseModel):
    """A part of the evidence: nothing unknown in it, nothing changed later."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Holdout(Strict):
    """The rows on which both were scored: a version of the features table, and days of it or, of a snapshot, its ``split``.

    ``keys``: different rows among them. ``labels``: different labels, none where there are no labels; ``positives``: of
    binary ones, the rows of the positive class. ``units``: by metric that the gate asks for, how many rows (or users, where
    things are ranked for them) it is a figure of. ``sha256``: of the rows' ids and labels, in the order of the ids.
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
    units: dict[str, int]


class Audit(Strict):
    """What the audit has made of the partitions that the challenger has learnt from and is judged on.

    ``unfinished``: those of which some ``bronze`` row is neither ``clean`` nor ``quarantined``: it has come after the last
    audit that passed. ``unaudited``: keys of the holdout that are no longer in clean; 0 where features have keys of their own.
    """

    bronze: int
    clean: int
    quarantined: int
    unfinished: list[date]
    unaudited: int


class Candidate(Strict):
    """A model as it did on the holdout, and what shows that it has not seen it.

    ``sha256``: of the model's file. ``judged_on``: the hash of the rows that it has answered for, as the holdout's.
    ``learnt``: the rows that it was trained and tuned on, as they stand in the version of the table that it was trained on;
    ``overlap``: how many of the holdout's keys are among them; both none where that version cannot be read any more.
    ``trained_until``: their last day, none of a snapshot. ``latency_ms``: 95th percentile over single rows. ``size_mb``:
    millions of bytes.
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
    """By how much the challenger is better in a metric, on the same rows, with its bootstrap interval.

    Positive is better: where less of a metric is better, the gain is the champion's less the challenger's. ``error``: the
    standard deviation of the gain over the resamples.
    """

    metric: str
    value: float
    lower: float
    upper: float
    confidence: float
    error: float


class Slice(Strict):
    """The gain on the ``rows`` of one group: those with a ``value`` in a ``column``."""

    column: str
    value: str
    rows: int
    gain: Gain


class Evidence(Strict):
    """``champion`` and ``gain`` are absent together: for the first model of a use case. ``code``: the commit that made it."""

    use_case: str
    owner: str
    made: AwareDatetime
    code: str
    holdout: Holdout
    audit: Audit
    challenger: Candidate
    champion: Candidate | None
    gain: Gain | None
    slices: list[Slice]


def read(document: dict[str, Any]) -> Evidence:
    """The evidence in a document, strictly: a text is no figure, nor is a yes.

    Raises:
        ValidationError: something is missing, unknown or of another type.
    """
    return Evidence.model_validate_json(json.dumps(document))


def sha256(document: dict[str, Any]) -> str:
    """The hash of a document, whatever the order of its keys."""
    return hashlib.sha256(json.dumps(document, sort_keys=True, separators=(",", ":")).encode()).hexdigest()
