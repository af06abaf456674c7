"""The gate: a pure function from evidence and policy to a verdict.

It fails closed: whatever the evidence does not show counts against the challenger. All checks are
in this one file, so that a reviewer sees the whole decision and `make mutants` changes all of it.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from pydantic import ValidationError
from scipy.special import stdtrit

from updraft.core.evidence import (
    Baseline,
    Candidate,
    Evidence,
    Gain,
    Holdout,
    read_evidence,
    sha256,
)
from updraft.core.kinds import TRAITS, Kind, Traits
from updraft.core.ledger import Entry, describe_rollback
from updraft.core.metrics import baseline_metric, metric_of
from updraft.core.schema import FEATURES
from updraft.core.sections import Gate
from updraft.core.sections.gate import DAY, FEWEST_PARTITIONS, FEWEST_UNITS, PARTITION, ROW
from updraft.decisions.looks import confidence_at

TOLERANCE = 1e-6  # Between a gain and the difference of the metrics that it is computed from.
# The power to detect design_gain, given the luck of the holdout alone. It is higher than the 9 of
# 10 cases that are promised, because errors are estimates and training has luck, too.
POWER = 0.975
MOST_UNITS = 10**9  # Nobody has more of them.
ITERATIONS = 30  # Until the number of units and the quantiles for it agree.
LISTED_DAYS = 3  # Days in a reason: there may be many.
MAX_AGE = timedelta(days=1)  # Of evidence and of an approval: data and champion move on.
CLOCK_SKEW = timedelta(minutes=5)  # By which the clocks of two machines may differ.


@dataclass(frozen=True)
class Case:
    """What is to be decided, from sources other than the evidence, which has to match it.

    Attributes:
        use_case: The name of the use case.
        kind: Its kind.
        challenger: The version to decide on.
        champion: The current champion, by the ledger; None if there is none.
        unit: Which rows count as one, see ``UseCase.unit_of_gain``.
        look: The challenger's place among those judged on rows of this holdout, by the ledger.
        evidence: The hash under which MLflow keeps the evidence.
        features_version: The version of the features table that training used.
        days: The first and last day of the holdout that training set aside; None for a snapshot.
        now: The present time, with a time zone.
        trainable_until: The newest partition whose labels were complete when the holdout began;
            None for a snapshot.
        newest_mature: The newest partition with labelled rows whose labels are complete now; None
            for a snapshot.
        hold: The rollback that holds all promotions of the use case; None if they are not held.
        barred: The model files that may not become champion again, by their SHA-256, each with the
            rollback that barred it.
    """

    use_case: str
    kind: Kind
    challenger: int
    champion: int | None
    unit: str
    look: int
    evidence: str | None
    features_version: int
    days: tuple[date, date] | None
    now: datetime
    trainable_until: date | None
    newest_mature: date | None
    hold: Entry | None
    barred: Mapping[str, Entry]


@dataclass(frozen=True)
class Verdict:
    """The decision of the gate.

    Attributes:
        promote: Whether the challenger is approved.
        reasons: If it is refused, one sentence for each check that failed. If it is approved, what
            the evidence shows.
    """

    promote: bool
    reasons: list[str]


def decide(document: dict[str, Any] | None, policy: Gate, case: Case) -> Verdict:
    """Approve a challenger only if its evidence is complete and passes every check."""
    if not document:
        return Verdict(False, ["there is no evidence"])
    if sha256(document) != case.evidence:
        reason = "the evidence is not the one that is stored in MLflow: their hashes differ"
        return Verdict(False, [reason])
    try:
        evidence = read_evidence(document)
    except ValidationError as error:
        places = ", ".join(".".join(map(str, mistake["loc"])) for mistake in error.errors())
        return Verdict(False, [f"the evidence is incomplete or invalid: {places}"])
    # Evidence on something else says nothing about this case: the other checks would mislead.
    mismatches = _check_case(evidence, policy, case)
    if mismatches:
        return Verdict(False, mismatches)
    failures = [
        *_check_hold(case),
        *_check_bar(evidence.challenger, case),
        *_check_holdout(evidence.holdout, policy),
        # Where labels are still coming in, it means nothing that the first ones are all equal.
        *(
            _check_completeness(evidence, policy)
            or _check_labels(evidence.holdout, TRAITS[case.kind], policy)
        ),
        *(_check_days(evidence, case.days[0]) if case.days else _check_split(evidence)),
        *(_check_maturity(evidence, case, case.days[1]) if case.days else []),
        *_check_rows(evidence),
        *_check_keys(evidence),
        *_check_audit(evidence),
        *_check_documentation(evidence),
        *_check_two_models(evidence),
        *_check_floors(evidence.challenger, policy),
        *_check_serving(evidence.challenger, policy),
        *_check_metrics(evidence, policy),
        *_check_gain(evidence, policy),
        *_check_slices(evidence, policy),
        *_check_baseline(evidence, policy),
    ]
    if failures:
        return Verdict(False, failures)
    return Verdict(True, [_approval(evidence, policy)])


def units_needed(gain: Gain, units: int, policy: Gate) -> int | None:
    """Return how many units show a true gain of ``policy.design_gain`` in 9 of 10 cases.

    None if the policy has no design gain, or without units. The error of a gain falls with the
    square root of the units, and the lower end of its interval has to exceed ``min_gain``: this is
    the usual sample size of a one-sided test (Cohen, Statistical Power Analysis for the Behavioral
    Sciences, chapter 2), with Student's t, whose quantiles depend on the number of units itself.
    """
    if policy.design_gain is None or units < 1:
        return None
    errors_of_one = gain.error * math.sqrt(units) / (policy.design_gain - policy.min_gain)
    errors_of_one = min(errors_of_one, MOST_UNITS)
    needed = float(MOST_UNITS)
    for _ in range(ITERATIONS):
        quantiles = stdtrit(needed - 1, 0.5 + gain.confidence / 2) + stdtrit(needed - 1, POWER)
        needed = min(max((quantiles * errors_of_one) ** 2, FEWEST_PARTITIONS), MOST_UNITS)
    return math.ceil(needed)


def _check_case(evidence: Evidence, policy: Gate, case: Case) -> list[str]:
    """The evidence is about this case."""
    failures = []
    if evidence.use_case != case.use_case:
        failures.append(f"the evidence is about {evidence.use_case}, not {case.use_case}")
    challenger = evidence.challenger.version
    if challenger != case.challenger:
        failures.append(f"the evidence is about version {challenger}, not {case.challenger}")
    compared = evidence.champion.version if evidence.champion else None
    if compared != case.champion:
        opponent = f"version {compared}" if compared else "no champion"
        current = "there is no champion"
        if case.champion:
            current = f"version {case.champion} is champion"
        failures.append(
            f"the evidence is stale: it compares the challenger with {opponent}, "
            f"but now {current}; train again"
        )
    if not case.now - MAX_AGE <= evidence.made <= case.now + CLOCK_SKEW:
        failures.append(
            f"the evidence is stale: it was made at {evidence.made:%Y-%m-%d %H:%M}, "
            f"and it is now {case.now:%Y-%m-%d %H:%M}"
        )
    holdout = evidence.holdout
    is_other_table = (holdout.table, holdout.version) != (FEATURES, case.features_version)
    are_other_days = case.days is not None and (holdout.first, holdout.last) != case.days
    if is_other_table or are_other_days:
        failures.append("the holdout is not the one that training set aside")
    if holdout.unit != case.unit:
        failures.append(
            f"the gain rests on each {holdout.unit} as independent, expected each {case.unit}"
        )
    if evidence.look != case.look:
        failures.append(
            f"the evidence is stale: it was made for challenger number {evidence.look} on this "
            f"holdout, but by now this is number {case.look}; train again"
        )
    if policy.metric not in TRAITS[case.kind].metrics:
        failures.append(
            f"the policy's metric, {policy.metric}, is not a metric of kind {case.kind}"
        )
    return failures


def _check_hold(case: Case) -> list[str]:
    """No rollback holds the promotions of the use case."""
    if case.hold is None:
        return []
    return [
        f"promotions are held by {describe_rollback(case.hold)}: release them by `updraft release "
        f"{case.use_case}` or the DAG {case.use_case}_release; then clear the task gate of this "
        "run while its evidence is fresh, or train again"
    ]


def _check_bar(challenger: Candidate, case: Case) -> list[str]:
    """No rollback has taken away a model with the same file."""
    bar = case.barred.get(challenger.sha256)
    if bar is None:
        return []
    return [
        f"its model file is that of version {bar.from_version}, which is barred by "
        f"{describe_rollback(bar)}: train on other rows or with another search; "
        f"if the bar is wrong, lift it by `updraft release {case.use_case}` with --version "
        f"{case.challenger}"
    ]


def _check_holdout(holdout: Holdout, policy: Gate) -> list[str]:
    """The holdout has enough rows, each of them once."""
    failures = []
    if holdout.rows < policy.min_rows:
        failures.append(f"the holdout has {holdout.rows} rows, fewer than {policy.min_rows}")
    for name in sorted({policy.metric, *policy.floors}):
        units = holdout.units.get(name, 0)
        unit = _unit_of(name, holdout)
        fewest = min(policy.min_rows, FEWEST_UNITS)
        if unit in (PARTITION, DAY):
            fewest = FEWEST_PARTITIONS
        if not fewest <= units <= holdout.rows:
            failures.append(
                f"{name} is computed from {_units_text(units, unit)}, expected at least {fewest} "
                f"and at most one for each of the {holdout.rows:,} rows"
            )
    if holdout.keys != holdout.rows:
        failures.append(f"the holdout has {holdout.rows} rows, but {holdout.keys} different keys")
    return failures


def _check_completeness(evidence: Evidence, policy: Gate) -> list[str]:
    """The holdout's rows have labels about as often as the training rows."""
    labelled = evidence.holdout.rows
    rows = evidence.labels.holdout_rows
    learnt = evidence.challenger.learnt
    training_rows = evidence.labels.training_rows
    if not 0 < labelled <= rows:
        return [f"the evidence shows {labelled} labels in {rows} rows of the holdout's partitions"]
    if learnt is None or training_rows is None or not 0 < learnt <= training_rows:
        return [
            f"the evidence shows {learnt} labels in {training_rows} rows of the training partitions"
        ]
    share = labelled / rows
    training_share = learnt / training_rows
    if share < policy.min_labelled * training_share:
        return [
            f"labels are still coming in: {share:.1%} of the holdout's rows have one, of the "
            f"training rows {training_share:.1%}, and expected are at least "
            f"{policy.min_labelled:.0%} of that; say in data.target.matures how long labels take, "
            "then train again"
        ]
    return []


def _check_labels(holdout: Holdout, traits: Traits, policy: Gate) -> list[str]:
    """The labels differ, for kinds that cannot be judged on equal ones."""
    if not traits.labels_differ:
        return []
    # Where one class is the positive one, the evidence counts its rows; elsewhere distinct labels.
    if traits.has_threshold:
        positives = holdout.positives
        if positives is not None and 0 < positives < holdout.rows:
            return _check_classes(positives, holdout, policy)
    elif holdout.labels is not None and 1 < holdout.labels <= holdout.rows:
        return []
    return [f"the holdout contains a single {'class' if traits.has_classes else 'value'}"]


def _check_classes(positives: int, holdout: Holdout, policy: Gate) -> list[str]:
    """Both classes have enough rows: with few of one, intervals have no value."""
    fewest = min(policy.min_rows, FEWEST_UNITS)
    return [
        f"the holdout has {number} {name}, at least {fewest} are needed"
        for name, number in (("positives", positives), ("negatives", holdout.rows - positives))
        if number < fewest
    ]


def _check_rows(evidence: Evidence) -> list[str]:
    """Both models have scored the rows of the holdout, all of them and no others."""
    return [
        f"the {role} was judged on rows other than the holdout's"
        for role, model in _models(evidence)
        if model.judged_on != evidence.holdout.sha256
    ]


def _check_days(evidence: Evidence, first: date) -> list[str]:
    """If rows have a time, the holdout's ``first`` day is later than all training rows."""
    failures = []
    for role, model in _models(evidence):
        if model.trained_until is None:
            failures.append(f"the evidence does not show until which day the {role} was trained")
        elif model.trained_until >= first:
            failures.append(
                f"the {role} was trained on rows up to {model.trained_until}, "
                f"but the holdout starts on {first}"
            )
    return failures


def _check_maturity(evidence: Evidence, case: Case, last: date) -> list[str]:
    """The newest complete labels were held out, up to ``last``; those trained on were complete."""
    failures = []
    trained_until = evidence.challenger.trained_until
    known = case.trainable_until
    if known is None:
        failures.append("it is not known which labels were complete when the holdout began")
    elif trained_until is not None and trained_until > known:
        failures.append(
            f"the challenger was trained on rows up to {trained_until}, but when the holdout "
            f"began, labels were complete up to {known} only"
        )
    seen = evidence.labels.newest_mature
    if seen is None or seen < last:
        failures.append(
            f"the evidence does not show that the labels of {last}, the holdout's last partition, "
            "are complete"
        )
    newest = case.newest_mature
    if newest is None:
        failures.append("it is not known which labels are complete now")
    elif newest > last:
        failures.append(
            f"the holdout ends with {last}, but labels are complete up to {newest}: train again, "
            "on the newest partitions"
        )
    return failures


def _check_split(evidence: Evidence) -> list[str]:
    """Without a time, the holdout is a split of the snapshot."""
    return [] if evidence.holdout.split else ["the holdout is not a split of a snapshot"]


def _check_keys(evidence: Evidence) -> list[str]:
    """With or without a time, no model was trained on any of the holdout's keys."""
    failures = []
    for role, model in _models(evidence):
        if model.learnt is None or model.learnt < 1 or model.overlap is None:
            failures.append(
                f"the evidence does not show which of the holdout's keys the {role} was trained on"
            )
        elif model.overlap != 0:
            keys = evidence.holdout.keys
            failures.append(
                f"the {role} was trained on {model.overlap} of the holdout's {keys} keys"
            )
    return failures


def _check_audit(evidence: Evidence) -> list[str]:
    """The data has passed its audit."""
    audit = evidence.audit
    failures = []
    if audit.clean < 1 or audit.bronze < 1:
        failures.append("no row of the training and holdout partitions has passed the audit")
    if audit.unfinished:
        days = ", ".join(map(str, audit.unfinished[:LISTED_DAYS]))
        more = ", ..." if len(audit.unfinished) > LISTED_DAYS else ""
        failures.append(
            f"the clean rows or the features of {days}{more} are not what the present raw rows "
            "have become: their last audit has not passed, or features were not built after it; "
            "run the data DAG for these partitions, then train again"
        )
    if audit.unaudited != 0:
        failures.append(f"the clean rows lack {audit.unaudited} of the holdout's keys")
    return failures


def _models(evidence: Evidence) -> list[tuple[str, Candidate]]:
    """Return the models by their roles: the challenger and, if there is one, the champion."""
    models = [("challenger", evidence.challenger)]
    if evidence.champion:
        models.append(("champion", evidence.champion))
    return models


def _check_documentation(evidence: Evidence) -> list[str]:
    """People can find out what the model is for, and who is responsible."""
    texts = [
        ("the challenger has no description", evidence.challenger.description),
        ("the challenger has no model card", evidence.challenger.card),
        ("the use case has no owner", evidence.owner),
    ]
    return [failure for failure, text in texts if not text.strip()]


def _check_two_models(evidence: Evidence) -> list[str]:
    """The challenger is not the champion itself."""
    challenger = evidence.challenger
    champion = evidence.champion
    if champion and champion.version == challenger.version:
        return [f"challenger and champion are the same version, {champion.version}"]
    if champion and champion.sha256 == challenger.sha256:
        return [
            f"challenger and champion, version {champion.version}, are the same model: "
            "their files are identical"
        ]
    return []


def _check_floors(challenger: Candidate, policy: Gate) -> list[str]:
    """The challenger reaches every floor; if less of a metric is better, its floor is a maximum."""
    failures = []
    for name, floor in policy.floors.items():
        value = challenger.metrics.get(name, math.nan)
        more_is_better = metric_of(name).more_is_better
        if more_is_better and not value >= floor:
            failures.append(f"the challenger's {name} is {value:.4f}, below its floor of {floor:g}")
        if not more_is_better and not value <= floor:
            failures.append(
                f"the challenger's {name} is {value:.4f}, above {floor:g}, the highest allowed"
            )
    return failures


def _check_serving(challenger: Candidate, policy: Gate) -> list[str]:
    """Latency and size were measured and are within their limits."""
    failures = []
    measurements = [
        ("latency", challenger.latency_ms, policy.required.latency_ms, "ms"),
        ("size", challenger.size_mb, policy.required.size_mb, "MB"),
    ]
    for name, value, limit, unit in measurements:
        if not 0 < value < math.inf:
            failures.append(f"the challenger's {name} was not measured: {value}")
        elif limit is not None and value > limit:
            failures.append(
                f"the challenger's {name} is {value:.3g} {unit}, above {limit:g}, "
                "the highest allowed"
            )
    return failures


def _check_metrics(evidence: Evidence, policy: Gate) -> list[str]:
    """All metrics are finite, and those that the policy uses have possible values."""
    failures = []
    for _, model in _models(evidence):
        invalid = [name for name, value in model.metrics.items() if not math.isfinite(value)]
        if invalid:
            failures.append(
                f"version {model.version} has metrics that are not finite numbers: {invalid}"
            )
    used = [(model, policy.metric) for _, model in _models(evidence)]
    used += [(evidence.challenger, name) for name in policy.floors if name != policy.metric]
    for model, name in used:
        metric = metric_of(name)
        value = model.metrics.get(name, math.nan)
        if not metric.lowest <= value <= metric.highest:
            failures.append(
                f"version {model.version} has no {name} between {metric.lowest:g} "
                f"and {metric.highest:g}"
            )
        elif metric.zero_means_missing and value == 0:
            failures.append(
                f"version {model.version} has {name} of exactly 0, which means that it is missing"
            )
    return failures


def _check_gain(evidence: Evidence, policy: Gate) -> list[str]:
    """The challenger is significantly better than the champion or, by the policy, not worse."""
    champion = evidence.champion
    gain = evidence.gain
    if champion is None and gain is None:
        return []
    if champion is None or gain is None:
        return ["the evidence has either a champion or a gain over it, expected both or neither"]
    confidence = confidence_at(policy.confidence, evidence.look)
    failure = _invalid_gain(gain, policy, confidence)
    failure = failure or _wrong_gain(evidence.challenger, champion, gain)
    if failure:
        return [failure]
    threshold = policy.min_gain if policy.rule == "better" else -policy.margin
    if gain.lower > threshold or (policy.rule == "not_worse" and gain.lower >= threshold):
        return []
    reason = (
        f"the challenger's {_gain_text(gain)} over version {champion.version} "
        f"is not significantly above {threshold:+.3g}"
    )
    return [reason + _looks_text(evidence, policy) + _need_text(evidence.holdout, gain, policy)]


def _looks_text(evidence: Evidence, policy: Gate) -> str:
    """Why the confidence of the interval is higher than that of the policy."""
    if evidence.look == 1:
        return ""
    confidence = confidence_at(policy.confidence, evidence.look)
    last = evidence.holdout.last
    fresh = f"a holdout after {last} is fresh" if last else "the keys of a snapshot are never fresh"
    return (
        f". It is challenger number {evidence.look} on rows of this holdout, so the interval is at "
        f"{100 * confidence:.4g} % instead of {100 * policy.confidence:.4g} %; {fresh}"
    )


def _need_text(holdout: Holdout, gain: Gain, policy: Gate) -> str:
    """How large a holdout shows the gain that the policy is designed for."""
    units = holdout.units.get(gain.metric, 0)
    needed = units_needed(gain, units, policy)
    if needed is None:
        return ""
    unit = _unit_of(gain.metric, holdout)
    return (
        f". Detecting a true gain of {policy.design_gain:.3g} in 9 of 10 cases takes about "
        f"{_units_text(needed, unit)}; there are {units:,}"
    )


def _unit_of(metric: str, holdout: Holdout) -> str:
    """What counts as one: of a metric of users each user, else what the policy says."""
    return "user" if metric_of(metric).unit == "users" else holdout.unit


def _units_text(number: int, unit: str) -> str:
    if unit in (PARTITION, DAY, ROW, "user"):
        return f"{number:,} {unit}{'' if number == 1 else 's'}"
    return f"{number:,} values of {unit}"


def _invalid_gain(gain: Gain, policy: Gate, confidence: float) -> str | None:
    """Return why it is not a gain that the policy asks for, or not a gain at all."""
    if gain.metric != policy.metric or gain.confidence != confidence:
        return (
            f"the gain is in {gain.metric} at confidence {gain.confidence:g}, "
            f"expected in {policy.metric} at confidence {confidence:g}"
        )
    if not -math.inf < gain.lower <= gain.value <= gain.upper < math.inf:
        return f"the gain {gain.value} does not lie in its interval [{gain.lower}, {gain.upper}]"
    if not 0 <= gain.error < math.inf:
        return f"the gain's standard error is {gain.error}, expected a finite number of at least 0"
    if gain.value != 0 and (gain.error == 0 or gain.lower == gain.upper):
        return f"the gain's interval, {gain.lower} to {gain.upper}, has no width"
    return None


def _wrong_gain(challenger: Candidate, other: Candidate | Baseline, gain: Gain) -> str | None:
    """Return why the gain is not computed from these two."""
    name = gain.metric
    difference = challenger.metrics.get(name, math.nan) - other.metrics.get(name, math.nan)
    if not metric_of(name).more_is_better:
        difference = -difference
    if not abs(gain.value - difference) <= TOLERANCE * max(1, abs(difference)):
        return (
            f"the gain {gain.value} is not the difference between the two models' {name}, "
            f"{difference:.6f}"
        )
    return None


def _check_slices(evidence: Evidence, policy: Gate) -> list[str]:
    """The challenger does not lose too much in any group of the declared columns.

    The first model of a use case has no champion to lose against.
    """
    slices = policy.slices
    if slices is None or evidence.champion is None:
        return []
    possible_rows = range(slices.min_rows, evidence.holdout.rows + 1)
    judged = [
        group
        for group in evidence.slices
        if group.column in slices.columns and group.rows in possible_rows
    ]
    confidence = confidence_at(policy.confidence, evidence.look, max(len(judged), 1))
    failures = []
    for column in slices.columns:
        groups = [group for group in judged if group.column == column]
        if not groups:
            failures.append(
                f"the evidence shows no group of {column} with {slices.min_rows} rows or more"
            )
        for group in groups:
            place = f"where {column} is {group.value}"
            failure = _invalid_gain(group.gain, policy, confidence)
            if failure:
                failures.append(f"{place}, {failure}")
            elif group.gain.lower < -slices.max_loss:
                failures.append(
                    f"{place} ({group.rows:,} rows), the challenger's {_gain_text(group.gain)} "
                    f"is not significantly above {-slices.max_loss:+.3g}"
                )
    return failures


def _check_baseline(evidence: Evidence, policy: Gate) -> list[str]:
    """The challenger is better than what knows nothing of the features.

    That is shown on the same rows. It must be significant only for the first model of a use case,
    because any other has a champion to compare with.
    """
    baseline = evidence.baseline
    if baseline is None:
        return ["the evidence shows no baseline, which is computed from the training rows"]
    failures = []
    if not baseline.name.strip():
        failures.append("the baseline has no name")
    if baseline.judged_on != evidence.holdout.sha256:
        failures.append("the baseline was judged on rows other than the holdout's")
    if baseline.learnt != evidence.challenger.learnt:
        failures.append(
            f"the baseline was computed from {baseline.learnt} rows, the challenger was trained on "
            f"{evidence.challenger.learnt}"
        )
    name = baseline_metric(policy.metric)
    metric = metric_of(name)
    if not metric.lowest <= baseline.metrics.get(name, math.nan) <= metric.highest:
        failures.append(
            f"the baseline has no {name} between {metric.lowest:g} and {metric.highest:g}"
        )
    gain = baseline.gain
    asked = policy.model_copy(update={"metric": name})
    confidence = confidence_at(policy.confidence, evidence.look)
    failure = _invalid_gain(gain, asked, confidence)
    failure = failure or _wrong_gain(evidence.challenger, baseline, gain)
    if failure:
        failures.append(f"over the baseline, {failure}")
    elif evidence.champion is None and not gain.lower > 0:
        failures.append(
            f"the challenger's {_gain_text(gain)} over the baseline, {baseline.name}, is not "
            "significantly above 0: the first model must be better than none"
        )
    return failures


def _gain_text(gain: Gain) -> str:
    return f"gain in {gain.metric} of {gain.value:+.4f} ({gain.interval})"


def _approval(evidence: Evidence, policy: Gate) -> str:
    """Return what the evidence shows in favour of the challenger."""
    if evidence.gain is None or evidence.champion is None:
        name = next(iter(policy.floors))
        value = f"its {name} of {evidence.challenger.metrics[name]:.4f}"
        reaches = "reaches the floor" if metric_of(name).more_is_better else "is within the limit"
        baseline = evidence.baseline
        assert baseline is not None  # Without one, nothing is approved.
        gain = f"{_gain_text(baseline.gain)} over {baseline.name}"
        return f"first model of the use case, and {value} {reaches}; {gain}"
    return f"{_gain_text(evidence.gain)} over version {evidence.champion.version}"
