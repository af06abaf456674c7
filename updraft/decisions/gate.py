"""The gate: a pure function from evidence and policy to a verdict. It fails closed: whatever is not shown counts against."""

import math
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from updraft.core.kinds import TRAITS, Kind, more_is_better
from updraft.core.sections import Gate
from updraft.decisions.evidence import Candidate, Evidence, Gain

FEWEST_UNITS = 30  # Below, an interval from resampling means nothing: of one user, it has no width.
TOLERANCE = 1e-6  # Between a gain and the difference of the metrics that it is the gain of.
# Where a metric can lie, if not between 0 and 1.
RANGES = {
    "log_loss": (0.0, math.inf),
    "rmse": (0.0, math.inf),
    "mae": (0.0, math.inf),
    "value": (-math.inf, math.inf),
    "r2": (-math.inf, 1.0),
    "silhouette": (-1.0, 1.0),
}


@dataclass(frozen=True)
class Verdict:
    """``reasons`` say why not, one for each check that failed; or, when promoted, what was shown."""

    promote: bool
    reasons: list[str]


def decide(document: dict[str, Any] | None, policy: Gate, challenger: int, *, kind: Kind, snapshot: bool) -> Verdict:
    """Judge version ``challenger`` by its evidence. Only evidence that exists, is whole and passes every check promotes.

    ``kind`` and ``snapshot`` are the use case's: what it has to show does not depend on what it says of itself.
    """
    if not document:
        return Verdict(False, ["there is no evidence"])
    try:
        evidence = Evidence.model_validate(document)
    except ValidationError as error:
        places = ", ".join(".".join(map(str, e["loc"])) for e in error.errors())
        return Verdict(False, [f"the evidence is not whole: {places}"])
    if evidence.challenger.version != challenger:
        return Verdict(False, [f"the evidence is about version {evidence.challenger.version}, not {challenger}"])
    if policy.metric not in TRAITS[kind].metrics:
        return Verdict(False, [f"the policy's metric, {policy.metric}, is none of kind {kind}"])
    unseen = _apart_by_keys(evidence) if snapshot else _apart_by_days(evidence)
    against = [*_holdout(evidence, policy, kind), *unseen, *_candidates(evidence, policy), *_gain(evidence, policy)]
    if against:
        return Verdict(False, against)
    return Verdict(True, [_shown(evidence, policy)])


def champion_of(document: dict[str, Any]) -> int | None:
    """The version that the challenger was compared with, as far as the evidence says."""
    champion = document.get("champion")
    return int(champion["version"]) if isinstance(champion, dict) and "version" in champion else None


def _holdout(evidence: Evidence, policy: Gate, kind: Kind) -> list[str]:
    holdout = evidence.holdout
    against = []
    if holdout.rows < policy.min_rows:
        against.append(f"the holdout has {holdout.rows} rows, fewer than {policy.min_rows}")
    for name in {policy.metric, *policy.floors}:
        if (units := holdout.units.get(name, 0)) < (least := min(policy.min_rows, FEWEST_UNITS)):
            against.append(f"{name} rests on {units} rows or users, fewer than {least}")
    if holdout.keys != holdout.rows:
        against.append(f"the holdout has {holdout.rows} rows, but {holdout.keys} different keys")
    if kind == "binary" and not (holdout.positives is not None and 0 < holdout.positives < holdout.rows):
        against.append("the holdout holds a single class")
    # Recommendations may rest on implicit labels, all of them 1; clusters have none.
    if kind in ("multiclass", "regression") and not (holdout.labels is not None and 1 < holdout.labels <= holdout.rows):
        against.append(f"the holdout holds a single {'class' if kind == 'multiclass' else 'value'}")
    return against


def _apart_by_days(evidence: Evidence) -> list[str]:
    holdout = evidence.holdout
    if holdout.first is None or holdout.last is None:
        return ["the holdout has no days"]
    against = []
    if holdout.last < holdout.first:
        against.append(f"the holdout ends on {holdout.last}, before it starts on {holdout.first}")
    for role, model in _models(evidence):
        if model.trained_until is None:
            against.append(f"until when the {role} has learnt is not shown")
        elif model.trained_until >= holdout.first:
            against.append(
                f"the {role} has learnt from rows until {model.trained_until}, but the holdout starts on {holdout.first}"
            )
    return against


def _apart_by_keys(evidence: Evidence) -> list[str]:
    """Without time, a holdout is apart if none of its keys was among the rows that a model has learnt from."""
    against = []
    if not evidence.holdout.split:
        against.append("the holdout is no split of a snapshot")
    for role, model in _models(evidence):
        if model.overlap is None:
            against.append(f"which of the holdout's keys the {role} has learnt from is not shown")
        elif model.overlap != 0:
            against.append(f"the {role} has learnt from {model.overlap} of the holdout's {evidence.holdout.keys} keys")
    return against


def _models(evidence: Evidence) -> list[tuple[str, Candidate]]:
    return [("challenger", evidence.challenger), *([("champion", evidence.champion)] if evidence.champion else [])]


def _candidates(evidence: Evidence, policy: Gate) -> list[str]:
    challenger, champion = evidence.challenger, evidence.champion
    against = []
    if not challenger.description.strip():
        against.append("the challenger has no description")
    if champion and champion.version == challenger.version:
        against.append(f"challenger and champion are the same version, {champion.version}")
    for name, floor in policy.floors.items():
        value = challenger.metrics.get(name, math.nan)
        if more_is_better(name) and not value >= floor:
            against.append(f"the challenger's {name} is {value:.4f}, below its floor of {floor:g}")
        if not more_is_better(name) and not value <= floor:
            against.append(f"the challenger's {name} is {value:.4f}, above {floor:g}, the highest allowed")
    lowest, highest = RANGES.get(policy.metric, (0.0, 1.0))
    for _, model in _models(evidence):
        if bad := _not_finite(model):
            against.append(f"version {model.version} has metrics that are no numbers: {bad}")
        if not lowest <= model.metrics.get(policy.metric, math.nan) <= highest:
            against.append(f"version {model.version} has no {policy.metric} between {lowest:g} and {highest:g}")
    return against


def _gain(evidence: Evidence, policy: Gate) -> list[str]:
    champion, gain = evidence.champion, evidence.gain
    if champion is None and gain is None:
        return []
    if champion is None or gain is None:
        return ["of the champion and the gain over it, only one is there"]
    if wrong := _inconsistent(evidence.challenger, champion, gain, policy):
        return [wrong]
    least = policy.margin if policy.rule == "better" else -policy.margin
    if gain.lower > least or (policy.rule == "not_worse" and gain.lower >= least):
        return []
    return [
        f"the challenger's gain in {gain.metric} over version {champion.version} is {gain.value:+.4f} "
        f"({gain.confidence:.0%} interval {gain.lower:+.4f} to {gain.upper:+.4f}), not surely above {least:+g}"
    ]


def _inconsistent(challenger: Candidate, champion: Candidate, gain: Gain, policy: Gate) -> str | None:
    """Why the gain is not one that the policy asks for, computed from these two models."""
    if gain.metric != policy.metric or gain.confidence != policy.confidence:
        return f"the gain is in {gain.metric} at {gain.confidence:g}, not in {policy.metric} at {policy.confidence:g}"
    difference = challenger.metrics.get(policy.metric, math.nan) - champion.metrics.get(policy.metric, math.nan)
    if not more_is_better(policy.metric):
        difference = -difference
    if not abs(gain.value - difference) <= TOLERANCE * max(1, abs(difference)):
        return f"the gain {gain.value} is not the difference of the two models' {policy.metric}, {difference:.6f}"
    if not -math.inf < gain.lower <= gain.value <= gain.upper < math.inf:
        return f"the gain {gain.value} does not lie in its interval [{gain.lower}, {gain.upper}]"
    return None


def _not_finite(model: Candidate) -> list[str]:
    return [name for name, value in model.metrics.items() if not math.isfinite(value)]


def _shown(evidence: Evidence, policy: Gate) -> str:
    name = next(iter(policy.floors))
    if evidence.gain is None or evidence.champion is None:
        reaches = "reaches the floor" if more_is_better(name) else "is within what is allowed"
        return f"first model of the use case, and its {name} of {evidence.challenger.metrics[name]:.4f} {reaches}"
    gain = evidence.gain
    return (
        f"gain in {gain.metric} over version {evidence.champion.version}: {gain.value:+.4f} "
        f"({gain.confidence:.0%} interval {gain.lower:+.4f} to {gain.upper:+.4f})"
    )
