"""The gate: a pure function from evidence and policy to a verdict. It fails closed: whatever is not shown counts against."""

import math
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from statistics import NormalDist
from typing import Any

from pydantic import ValidationError

from updraft.core.evidence import Candidate, Evidence, Gain, read, sha256
from updraft.core.kinds import RANKED, TRAITS, Kind, more_is_better
from updraft.core.sections import Gate

FEWEST_UNITS = 30  # Below, an interval from resampling means nothing: of one user, it has no width.
TOLERANCE = 1e-6  # Between a gain and the difference of the metrics that it is the gain of.
POWER = 0.975  # For design_gain, by the luck of the holdout alone; errors are estimates, and training has luck, too.
LONGEST = timedelta(days=1)  # After that, evidence is stale: data and champion have moved on.
AHEAD = timedelta(minutes=5)  # By which two machines' clocks may differ.
NEVER_ZERO = {"auc", "accuracy", "log_loss", "rmse", "mae"}  # A figure of exactly 0 is one that is missing.
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
class Case:
    """What is to be decided, as others than the evidence say it: the evidence has to be about exactly this.

    ``champion``: by the ledger. ``evidence``: the hash under which MLflow keeps it. ``features_version`` and ``days``: of the
    holdout, as training has left it alone; a snapshot has no days. ``now``: with a time zone.
    """

    use_case: str
    kind: Kind
    challenger: int
    champion: int | None
    evidence: str | None
    features_version: int
    days: tuple[date, date] | None
    now: datetime


@dataclass(frozen=True)
class Verdict:
    """``reasons`` say why not, one for each check that failed; or, when promoted, what was shown."""

    promote: bool
    reasons: list[str]


def decide(document: dict[str, Any] | None, policy: Gate, case: Case) -> Verdict:
    """Judge a challenger by its evidence. Only evidence that exists, is whole and passes every check promotes."""
    if not document:
        return Verdict(False, ["there is no evidence"])
    if sha256(document) != case.evidence:
        return Verdict(False, ["the evidence is not the one that MLflow keeps: their hashes differ"])
    try:
        evidence = read(document)
    except ValidationError as error:
        places = ", ".join(".".join(map(str, e["loc"])) for e in error.errors())
        return Verdict(False, [f"the evidence is not whole: {places}"])
    if about := _about(evidence, policy, case):
        return Verdict(False, about)
    against = [
        *_holdout(evidence, policy, case.kind),
        *(_days(evidence, case.days[0]) if case.days else _split(evidence)),
        *_rows(evidence),
        *_keys(evidence),
        *_audit(evidence),
        *_papers(evidence),
        *_two_models(evidence),
        *_floors(evidence.challenger, policy),
        *_costs(evidence.challenger, policy),
        *_metrics(evidence, policy),
        *_gain(evidence, policy),
        *_slices(evidence, policy),
    ]
    if against:
        return Verdict(False, against)
    return Verdict(True, [_shown(evidence, policy)])


def units_needed(gain: Gain, units: int, policy: Gate) -> int | None:
    """How many rows (or users) show a true gain of ``policy.design_gain`` in 9 of 10 cases; none without one.

    The error of a gain falls with the root of the rows, and the lower end of its interval has to exceed ``min_gain``: the
    usual sample size of a one-sided test (Cohen, Statistical Power Analysis for the Behavioral Sciences, chapter 2).
    """
    if policy.design_gain is None:
        return None
    normal = NormalDist()
    away = normal.inv_cdf(0.5 + policy.confidence / 2) + normal.inv_cdf(POWER)
    return math.ceil(units * (away * gain.error / (policy.design_gain - policy.min_gain)) ** 2)


def _about(evidence: Evidence, policy: Gate, case: Case) -> list[str]:
    """Whether it is about this case at all; if not, nothing else that it says matters."""
    against = []
    if evidence.use_case != case.use_case:
        against.append(f"the evidence is about {evidence.use_case}, not {case.use_case}")
    if evidence.challenger.version != case.challenger:
        against.append(f"the evidence is about version {evidence.challenger.version}, not {case.challenger}")
    compared = evidence.champion.version if evidence.champion else None
    if compared != case.champion:
        against.append(
            f"the evidence is stale: it compares with champion {compared}, but now it is {case.champion}; train again"
        )
    if not case.now - LONGEST <= evidence.made <= case.now + AHEAD:
        against.append(
            f"the evidence is stale: it was made at {evidence.made:%Y-%m-%d %H:%M}, and it is {case.now:%Y-%m-%d %H:%M}"
        )
    holdout = evidence.holdout
    if (holdout.table, holdout.version) != ("features", case.features_version) or (
        case.days and (holdout.first, holdout.last) != case.days
    ):
        against.append("the holdout is not the one that training has left alone")
    if policy.metric not in TRAITS[case.kind].metrics:
        against.append(f"the policy's metric, {policy.metric}, is none of kind {case.kind}")
    return against


def _holdout(evidence: Evidence, policy: Gate, kind: Kind) -> list[str]:
    holdout = evidence.holdout
    against = []
    if holdout.rows < policy.min_rows:
        against.append(f"the holdout has {holdout.rows} rows, fewer than {policy.min_rows}")
    for name in sorted({policy.metric, *policy.floors}):
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


def _rows(evidence: Evidence) -> list[str]:
    """Both models have answered for the rows of the holdout, all of them and no others."""
    judged = [(role, model.judged_on) for role, model in _models(evidence)]
    return [f"the {role} was judged on other rows than the holdout's" for role, on in judged if on != evidence.holdout.sha256]


def _days(evidence: Evidence, first: date) -> list[str]:
    """Where there is time, a holdout, whose ``first`` day this is, is later than all that a model has learnt from."""
    against = []
    for role, model in _models(evidence):
        if model.trained_until is None:
            against.append(f"until when the {role} has learnt is not shown")
        elif model.trained_until >= first:
            against.append(f"the {role} has learnt from rows until {model.trained_until}, but the holdout starts on {first}")
    return against


def _split(evidence: Evidence) -> list[str]:
    return [] if evidence.holdout.split else ["the holdout is no split of a snapshot"]


def _keys(evidence: Evidence) -> list[str]:
    """With time or without, none of the holdout's keys is among the rows that a model has learnt from."""
    against = []
    for role, model in _models(evidence):
        if model.learnt is None or model.learnt < 1 or model.overlap is None:
            against.append(f"which of the holdout's keys the {role} has learnt from is not shown")
        elif model.overlap != 0:
            against.append(f"the {role} has learnt from {model.overlap} of the holdout's {evidence.holdout.keys} keys")
    return against


def _audit(evidence: Evidence) -> list[str]:
    audit = evidence.audit
    against = []
    if audit.clean < 1 or audit.bronze < 1:
        against.append("no row of these partitions has passed an audit")
    if audit.unfinished:
        listed = ", ".join(map(str, audit.unfinished[:3])) + (", ..." if len(audit.unfinished) > 3 else "")
        wrong = "raw rows are neither clean nor in quarantine; mend them, then train again"
        against.append(f"the last audit of {listed} has not passed: {wrong}")
    if audit.unaudited != 0:
        against.append(f"{audit.unaudited} of the holdout's keys are not among the clean rows")
    return against


def _models(evidence: Evidence) -> list[tuple[str, Candidate]]:
    return [("challenger", evidence.challenger), *([("champion", evidence.champion)] if evidence.champion else [])]


def _papers(evidence: Evidence) -> list[str]:
    papers = [
        ("the challenger has no description", evidence.challenger.description),
        ("the challenger has no card", evidence.challenger.card),
        ("the use case has no owner", evidence.owner),
    ]
    return [missing for missing, text in papers if not text.strip()]


def _two_models(evidence: Evidence) -> list[str]:
    challenger, champion = evidence.challenger, evidence.champion
    if champion and champion.version == challenger.version:
        return [f"challenger and champion are the same version, {champion.version}"]
    if champion and champion.sha256 == challenger.sha256:
        return [f"challenger and champion, version {champion.version}, are the same model: their files do not differ"]
    return []


def _floors(challenger: Candidate, policy: Gate) -> list[str]:
    against = []
    for name, floor in policy.floors.items():
        value = challenger.metrics.get(name, math.nan)
        if more_is_better(name) and not value >= floor:
            against.append(f"the challenger's {name} is {value:.4f}, below its floor of {floor:g}")
        if not more_is_better(name) and not value <= floor:
            against.append(f"the challenger's {name} is {value:.4f}, above {floor:g}, the highest allowed")
    return against


def _costs(challenger: Candidate, policy: Gate) -> list[str]:
    against = []
    measured = [
        ("latency", challenger.latency_ms, policy.required.latency_ms, "ms"),
        ("size", challenger.size_mb, policy.required.size_mb, "MB"),
    ]
    for name, value, most, unit in measured:
        if not 0 < value < math.inf:
            against.append(f"the challenger's {name} was not measured: {value}")
        elif most is not None and value > most:
            against.append(f"the challenger's {name} is {value:.3g} {unit}, above {most:g}, the highest allowed")
    return against


def _metrics(evidence: Evidence, policy: Gate) -> list[str]:
    """Figures that can be, of all that the policy speaks of."""
    against = []
    for _, model in _models(evidence):
        if bad := [name for name, value in model.metrics.items() if not math.isfinite(value)]:
            against.append(f"version {model.version} has metrics that are no numbers: {bad}")
    asked = [(model, policy.metric) for _, model in _models(evidence)]
    asked += [(evidence.challenger, name) for name in policy.floors if name != policy.metric]
    for model, name in asked:
        lowest, highest = RANGES.get(name, (0.0, 1.0))
        value = model.metrics.get(name, math.nan)
        if not lowest <= value <= highest:
            against.append(f"version {model.version} has no {name} between {lowest:g} and {highest:g}")
        elif name in NEVER_ZERO and value == 0:
            against.append(f"version {model.version} has {name} of exactly 0, which stands for one that is missing")
    return against


def _gain(evidence: Evidence, policy: Gate) -> list[str]:
    champion, gain = evidence.champion, evidence.gain
    if champion is None and gain is None:
        return []
    if champion is None or gain is None:
        return ["of the champion and the gain over it, only one is there"]
    if wrong := _no_gain(gain, policy) or _no_difference(evidence.challenger, champion, gain):
        return [wrong]
    least = policy.min_gain if policy.rule == "better" else -policy.margin
    if gain.lower > least or (policy.rule == "not_worse" and gain.lower >= least):
        return []
    reason = f"the challenger's {_told(gain)} over version {champion.version} is not surely above {least:+.3g}"
    units = evidence.holdout.units.get(gain.metric, 0)
    if needed := units_needed(gain, units, policy):
        what = "users" if gain.metric in RANKED else "rows"
        reason += (
            f". To see a true gain of {policy.design_gain:.3g} in 9 of 10 cases takes {needed:,} {what}; there are {units:,}"
        )
    return [reason]


def _no_gain(gain: Gain, policy: Gate) -> str | None:
    """Why it is none that the policy asks for, or none at all."""
    if gain.metric != policy.metric or gain.confidence != policy.confidence:
        return f"the gain is in {gain.metric} at {gain.confidence:g}, not in {policy.metric} at {policy.confidence:g}"
    if not -math.inf < gain.lower <= gain.value <= gain.upper < math.inf:
        return f"the gain {gain.value} does not lie in its interval [{gain.lower}, {gain.upper}]"
    if not 0 <= gain.error < math.inf:
        return f"the gain's error, {gain.error}, is none"
    if gain.value != 0 and (gain.error == 0 or gain.lower == gain.upper):
        return f"the gain's interval, {gain.lower} to {gain.upper}, has no width"
    return None


def _no_difference(challenger: Candidate, champion: Candidate, gain: Gain) -> str | None:
    """Why it is not computed from these two models."""
    difference = challenger.metrics.get(gain.metric, math.nan) - champion.metrics.get(gain.metric, math.nan)
    if not more_is_better(gain.metric):
        difference = -difference
    if not abs(gain.value - difference) <= TOLERANCE * max(1, abs(difference)):
        return f"the gain {gain.value} is not the difference of the two models' {gain.metric}, {difference:.6f}"
    return None


def _slices(evidence: Evidence, policy: Gate) -> list[str]:
    """The first model of a use case has nobody to lose against; any other is judged in every declared group."""
    if policy.slices is None or evidence.champion is None:
        return []
    against = []
    for column in policy.slices.columns:
        enough = range(policy.slices.min_rows, evidence.holdout.rows + 1)
        groups = [one for one in evidence.slices if one.column == column and one.rows in enough]
        if not groups:
            against.append(f"no group of {column} with {policy.slices.min_rows} rows or more is shown")
        for one in groups:
            if wrong := _no_gain(one.gain, policy):
                against.append(f"where {column} is {one.value}, {wrong}")
            elif one.gain.lower < -policy.slices.max_loss:
                against.append(
                    f"where {column} is {one.value} ({one.rows:,} rows), the challenger's {_told(one.gain)} "
                    f"is not surely above {-policy.slices.max_loss:+.3g}"
                )
    return against


def _told(gain: Gain) -> str:
    return f"gain in {gain.metric} of {gain.value:+.4f} ({gain.confidence:.0%} interval {gain.lower:+.4f} to {gain.upper:+.4f})"


def _shown(evidence: Evidence, policy: Gate) -> str:
    if evidence.gain is None or evidence.champion is None:
        name = next(iter(policy.floors))
        reaches = "reaches the floor" if more_is_better(name) else "is within what is allowed"
        return f"first model of the use case, and its {name} of {evidence.challenger.metrics[name]:.4f} {reaches}"
    return f"{_told(evidence.gain)} over version {evidence.champion.version}"
