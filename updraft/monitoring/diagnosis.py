"""Why the newest rows have drifted, or the champion has become worse.

The terms are those of Moreno-Torres et al., A unifying view on dataset shift in classification,
Pattern Recognition 45, 2012. With features x and label y:

- covariate drift: other x come, y given x is as before;
- prior drift: y has other shares, x given y is as before;
- concept drift: y given x has changed.

The first two say what has not changed, and that is what is tested, with the champion's answer s in
place of x, because it is what says most about y: y given s, and s given y (``relation``). Of many
features, those count that are no longer drifted when rows are weighted to the training's label
shares, as Lipton et al. weight them (Detecting and correcting for label shift with black box
predictors, ICML 2018). If neither holds, the concept has changed. Broken data beats everything
(``broken``): what is wrong says nothing about the world.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy import stats

from updraft.core.kinds import Task
from updraft.core.reports import DayDiagnosis
from updraft.core.schema import LABEL
from updraft.core.sections import Drift
from updraft.core.triggers import Cause
from updraft.monitoring.broken import Finding, Volume, broken_columns, broken_volumes
from updraft.monitoring.by_label import ByLabel
from updraft.monitoring.drift import Reference, Window, judge, output_columns
from updraft.monitoring.relation import Change, change, expected_labels
from updraft.monitoring.spread import MIN_BLOCKS, SMALLEST_SPREAD

Floats = npt.NDArray[np.float64]
Counts = npt.NDArray[np.int64]

ERROR = 0.1  # Below this p-value, labels have changed: that something has, is known already.
# If drifted features already explain a day, the label given the answer must have changed clearly.
STRICT_ERROR = 0.02
EXPLAINED = 0.5  # Of the drifted features, those that may remain when labels are weighted.
MAX_COLUMNS = 5  # That are named.
MAX_CHANGED = 3  # Features that are named for a concept.
LEAST_CHANGE = 1e-3  # Of independent rows of one law it is about 1.


@dataclass(frozen=True)
class History:
    """What is known of a champion's rows.

    Attributes:
        task: What the champion predicts.
        policy: When a column has drifted, and the partitions of a window.
        reference: What is stored of its training rows: features and label.
        train: Counts of the training rows: features and label.
        later: Those of the partitions after them, with the champion's answers.
        volumes: The rows of each of these partitions.
    """

    task: Task
    policy: Drift
    reference: Reference
    train: ByLabel
    later: ByLabel
    volumes: Mapping[date, Volume]

    @property
    def features(self) -> list[str]:
        """The features that were counted: all but users and items."""
        return [name for name in self.train.rows if name != LABEL]


class Relation(NamedTuple):
    """What labels and the champion's answers say of each other, compared with before.

    Attributes:
        name: The class that has changed most; None for numbers.
        change: Of the label given the answer, of that class.
        label_given_answer: Its p-value, over all classes.
        answer_given_label: That of the answer given the label.
    """

    name: str | None
    change: Change
    label_given_answer: float
    answer_given_label: float


class Labelled(NamedTuple):
    """The rows with complete labels: those of a window, and those before it."""

    before: ByLabel
    window: ByLabel


def diagnose(
    history: History, day: date, mature: date | None, drifted: Sequence[str]
) -> DayDiagnosis:
    """Say why the window that ends with a day differs from the rows before it.

    Args:
        history: The champion's rows.
        day: The newest partition of the window.
        mature: The newest partition whose labels were complete on that day; None for all.
        drifted: The columns that had drifted by that day.
    """
    window = [each for each in history.later.days if each <= day][-history.policy.window :]
    if not window:
        reason = "There are no rows after the champion's training rows."
        return DayDiagnosis(day=day, cause=None, reasons=[reason])
    findings = _broken(history, window, mature)
    if findings:
        columns = dict.fromkeys(each.column for each in findings if each.column)
        reasons = [each.reason for each in findings]
        return _diagnosis(day, "broken data", list(columns), reasons)
    others = [name for name in drifted if name != LABEL]
    labelled = _labelled(history, day, mature)
    relation = _relation(history, labelled) if labelled else None
    if labelled is None or relation is None:
        return _without_labels(history, day, others)
    if labelled.window.days == window:
        return _with_labels(history, day, labelled, relation, others, LABEL in drifted)
    # The labels are of older rows, which may have drifted or not.
    then = [name for name in _drifted(history, labelled.window) if name != LABEL]
    found = _with_labels(history, day, labelled, relation, then, LABEL in drifted)
    if found.cause is not None or not others:
        return found
    reasons = [
        f"Their labels are complete until {labelled.window.days[-1]} only, so prior and concept "
        "drift cannot be told apart from it."
    ]
    return _covariate(day, others, reasons)


def _diagnosis(
    day: date, cause: Cause | None, columns: list[str], reasons: list[str]
) -> DayDiagnosis:
    return DayDiagnosis(day=day, cause=cause, columns=columns[:MAX_COLUMNS], reasons=reasons)


def _broken(history: History, window: list[date], mature: date | None) -> list[Finding]:
    """What is broken in a window; a label is only missing once it should have come."""
    rows = history.later.of(window)
    names = history.features
    columns = broken_columns(
        {name: history.reference[name] for name in names},
        history.train,
        rows,
        history.policy.window,
    )
    complete = [day for day in window if mature is None or day <= mature]
    if history.task.traits.has_target and LABEL in history.reference and complete:
        columns += broken_columns(
            {LABEL: history.reference[LABEL]},
            history.train,
            history.later.of(complete),
            history.policy.window,
        )
    return broken_volumes(history.volumes, window) + columns


def _labelled(history: History, day: date, mature: date | None) -> Labelled | None:
    """The newest window of partitions with complete labels, and those between it and the training.

    None if there are no such labels.
    """
    if not history.task.traits.has_target:
        return None
    has_label = history.later.rows[LABEL][:, :-1].sum(axis=(1, 2)) > 0
    days = [
        each
        for each, known in zip(history.later.days, has_label, strict=True)
        if known and each <= day and (mature is None or each <= mature)
    ]
    length = history.policy.window
    if not days:
        return None
    return Labelled(history.later.of(days[:-length]), history.later.of(days[-length:]))


def _without_labels(history: History, day: date, others: list[str]) -> DayDiagnosis:
    """Rows can differ; whether their labels do is unknown."""
    if not history.task.traits.has_target:
        reason = "Without labels, covariate, prior and concept drift cannot be told apart."
    else:
        reason = (
            "Too few partitions after the training have complete labels, so covariate, prior and "
            "concept drift cannot be told apart."
        )
    if not others:
        return _diagnosis(day, None, [], [reason])
    return _covariate(day, others, [reason])


def _covariate(day: date, others: list[str], reasons: list[str]) -> DayDiagnosis:
    return _diagnosis(day, "covariate drift", others, [f"{_names(others)} drifted.", *reasons])


def _names(columns: Sequence[str]) -> str:
    """Columns in words, such as "temp, dewp and 3 more have"."""
    named = list(columns[:MAX_COLUMNS])
    if len(columns) > len(named):
        return f"{', '.join(named)} and {len(columns) - len(named)} more have"
    if len(named) == 1:
        return f"{named[0]} has"
    return f"{', '.join(named[:-1])} and {named[-1]} have"


def _relation(history: History, labelled: Labelled) -> Relation | None:
    """What labels and answers say of each other; None if too few partitions are labelled."""
    length = history.policy.window
    changes, given_answer, given_label = [], [], []
    outputs = output_columns(history.task)
    for name, values in zip(outputs, _label_values(history), strict=True):
        before, window = (each.rows[name][:, :-1] for each in labelled)
        found = change(before, window, values, length)
        if found is None:
            return None
        answers = expected_labels(before.sum(axis=0), values)
        turned = change(before.transpose(0, 2, 1), window.transpose(0, 2, 1), answers, length)
        assert turned is not None, "it has the rows of the other direction"
        changes.append(found)
        given_answer.append(found.p_value)
        given_label.append(turned.p_value)
    most = int(np.argmin(given_answer))
    names = history.task.classes
    return Relation(
        name=names[most] if names else None,
        change=changes[most],
        label_given_answer=min(1.0, len(outputs) * min(given_answer)),
        answer_given_label=min(1.0, len(outputs) * min(given_label)),
    )


def _label_values(history: History) -> list[Floats]:
    """For each output of the champion, the value of each label bin that it foretells.

    Of classes, 1 for the class of the output; of numbers, the mean label of the bin.
    """
    rows = history.train.rows[LABEL].sum(axis=(0, 2))[:-1]
    if history.task.traits.has_classes:
        first = 1 if history.task.kind == "binary" else 0
        outputs = range(len(history.task.outputs))
        return [np.eye(len(rows))[first + output] for output in outputs]
    stored = history.reference[LABEL]
    means = history.train.sums[LABEL].sum(axis=0)[:-1] / np.maximum(rows, 1)
    return [stored["centre"] + stored["scale"] * means]


def _with_labels(
    history: History,
    day: date,
    labelled: Labelled,
    relation: Relation,
    others: list[str],
    label_drifted: bool,
) -> DayDiagnosis:
    """Tell covariate, prior and concept drift apart. ``others``: the columns but the label."""
    of_features = feature_relations(history, labelled)
    follow = _follow_the_label(history, labelled, others)
    cause = _cause(relation, of_features, bool(others), follow, label_drifted)
    found = _sentence(history, relation)
    match cause:
        case "covariate drift":
            return _covariate(day, others, [f"{found}: no clear change."])
        case "prior drift":
            usual = _figure(history, relation.change.usual)
            reasons = [f"{found}; before, {usual}.", "Rows with the same label are as before."]
            return _diagnosis(day, cause, [LABEL], reasons)
        case "concept drift":
            features = sorted(of_features, key=lambda name: of_features[name])
            error = STRICT_ERROR / max(len(features), 1)
            columns = [name for name in features if of_features[name] < error]
            reasons = [f"{found}, p = {relation.label_given_answer:.2g}."]
            if columns:
                named = _names(columns[:MAX_CHANGED])
                reasons.append(f"{named} another relation with the label than before.")
            return _diagnosis(day, cause, columns[:MAX_CHANGED] or [LABEL], reasons)
        case _:
            reason = f"{found}: no clear change, and no other column has drifted."
            return _diagnosis(day, None, [], [reason])


def _cause(
    relation: Relation,
    of_features: Mapping[str, float],
    others_drifted: bool,
    follow_the_label: bool,
    label_drifted: bool,
) -> Cause | None:
    """Decide by what has stayed as it was."""
    label, answer = relation.label_given_answer, relation.answer_given_label
    if any(p_value < STRICT_ERROR / len(of_features) for p_value in of_features.values()):
        return "concept drift"
    if others_drifted:
        if follow_the_label and label < min(ERROR, answer):
            return "prior drift"
        return "concept drift" if label < STRICT_ERROR else "covariate drift"
    if answer < STRICT_ERROR and label < ERROR:
        return "concept drift"
    if label < ERROR or (label_drifted and answer >= label):
        return "prior drift"
    return "concept drift" if label_drifted else None


def _follow_the_label(history: History, labelled: Labelled, others: list[str]) -> bool:
    """Whether the drift of most features is gone in rows of the training's label shares."""
    features = [name for name in others if name in history.features]
    rows = [
        counts.rows[LABEL].sum(axis=(0, 2))[:-1].astype(float)
        for counts in (history.train, labelled.window)
    ]
    usual, now = (each / max(each.sum(), 1.0) for each in rows)
    weights = np.divide(usual, now, out=np.zeros_like(now), where=now > 0)
    still = set(_drifted(history, labelled.window, weights)) & set(features)
    return len(still) <= EXPLAINED * len(features)


def _drifted(history: History, counts: ByLabel, weights: Floats | None = None) -> list[str]:
    """The features and label that have drifted, in all rows or in weighted ones.

    ``weights``: of the rows of each label bin but the last. The weighted rows count as many as they
    are worth: the effective sample size (Kish, Survey Sampling, 1965).
    """
    windows = {}
    if weights is not None:
        rows = counts.rows[LABEL].sum(axis=(0, 2))[:-1]
        weights = weights * (weights @ rows) / max(float(weights**2 @ rows), 1.0)
    for name in history.train.rows:
        rows = counts.rows[name].sum(axis=0)
        sums = counts.sums[name].sum(axis=0) if name in counts.sums else None
        if name == LABEL:
            rows[:, -1] = 0  # A label that has not come yet says nothing.
        of_labels = np.ones(len(rows)) if weights is None else np.append(weights, 0.0)
        windows[name] = Window(of_labels @ rows, None if sums is None else float(of_labels @ sums))
    reference = {name: history.reference[name] for name in windows}
    return [each.column for each in judge(reference, windows, history.policy) if each.drifted]


def feature_relations(history: History, labelled: Labelled) -> dict[str, float]:
    """For each feature the chance of what its relation with the label has changed.

    The distance is the variance between its bins of the change of the mean label. It is compared
    with that of blocks of the rows before, as in ``spread``: its logarithm is about normal over
    them.
    """
    values = _label_values(history)
    length = history.policy.window
    p_values = {}
    for name in history.features:
        parts = [each.rows[name][:, :-1] for each in (history.train, labelled.before)]
        blocks = np.array([block.sum(axis=0) for part in parts for block in _blocks(part, length)])
        blocks = blocks[blocks.sum(axis=(1, 2)) > 0]
        if len(blocks) < MIN_BLOCKS:
            continue
        total = blocks.sum(axis=0)
        distances = [_change_between_bins(total - block, block, values) for block in blocks]
        distance = _change_between_bins(
            total, labelled.window.rows[name][:, :-1].sum(axis=0), values
        )
        logarithms = np.log(np.maximum(distances, LEAST_CHANGE))
        error = max(float(logarithms.std(ddof=1)), SMALLEST_SPREAD) * np.sqrt(1 + 1 / len(blocks))
        above = (np.log(max(distance, LEAST_CHANGE)) - logarithms.mean()) / error
        p_values[name] = float(stats.t.sf(above, len(blocks) - 1))
    return p_values


def _blocks(rows: Counts, length: int) -> list[Counts]:
    """The newest partitions by blocks of a window's length, without those that fill none."""
    number = len(rows) // length
    return np.split(rows[len(rows) - number * length :], number) if number else []


def _change_between_bins(before: Counts, now: Counts, values: list[Floats]) -> float:
    """How much more the label has changed in some bins than in others, beyond what shares explain.

    If other rows come, the label within a bin is as before in the rows as they are; if labels have
    other shares, in rows weighted to the shares before. So the smaller of the two distances counts.

    Args:
        before: Labelled rows by label bin and bin.
        now: Others.
        values: Of each output, the value of each label bin.
    """
    shares, shares_now = (each.sum(axis=1) / each.sum() for each in (before, now))
    weights = np.divide(shares, shares_now, out=np.zeros_like(shares), where=shares_now > 0)
    return min(
        _weighted_change(before, now, np.ones_like(weights), values),
        _weighted_change(before, now, weights, values),
    )


def _weighted_change(before: Counts, now: Counts, weights: Floats, values: list[Floats]) -> float:
    """The variance between bins of the label's change, by that of the label; the largest output's.

    ``weights``: of the later rows of each label bin. They count as many as they are worth (Kish,
    Survey Sampling, 1965).
    """
    used = (before.sum(axis=0) > 0) & (weights @ now > 0)
    if used.sum() < 2:
        return 0.0
    before, now = before[:, used], now[:, used]
    weighted = weights[:, None] * now
    rows, rows_now = before.sum(axis=0), weighted.sum(axis=0)
    effective = rows_now**2 / (weights**2 @ now)
    of_bins = rows * effective / (rows + effective)
    shares = before.sum(axis=1) / before.sum()
    largest = 0.0
    for each in values:
        changes = each @ weighted / rows_now - each @ before / rows
        mean = of_bins @ changes / of_bins.sum()
        variance = float((each - each @ shares) ** 2 @ shares)
        between = float(of_bins @ (changes - mean) ** 2) / (used.sum() - 1)
        largest = max(largest, between / variance if variance else 0.0)
    return largest


def _sentence(history: History, relation: Relation) -> str:
    """The label of the window, and what was expected from the answers."""
    found, expected = (
        _figure(history, each) for each in (relation.change.found, relation.change.expected)
    )
    if not history.task.traits.has_classes:
        return f"The mean label is {found}, expected from the answers {expected}"
    label = 1 if relation.name is None else repr(relation.name)
    return f"{found} of the labels are {label}, expected from the answers {expected}"


def _figure(history: History, value: float) -> str:
    return f"{value:.1%}" if history.task.traits.has_classes else f"{value:.4g}"
