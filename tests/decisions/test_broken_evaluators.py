"""Evaluators with faults that occur in practice: none of them gets a challenger past the gate.

Each is the correct evaluator with one fault, on real answers of two models: a good challenger and
a champion that is worse.
"""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import numpy as np
import pytest

from tests.decisions.test_gate import CASE, EVIDENCE, NOW, POLICY
from updraft.core.evidence import sha256
from updraft.core.kinds import Task
from updraft.decisions.gate import Verdict, decide
from updraft.evaluation.intervals import GainInterval, Units, gain_interval
from updraft.evaluation.metrics import Answers, Statistic, statistics

Document = dict[str, Any]
ROWS = 2000


def answers(noise: float, seed: int = 1) -> Statistic:
    """The AUC of a model that sees the signal through noise, always on the same rows and labels."""
    rng = np.random.default_rng(0)
    signal = rng.normal(size=ROWS)
    labels = (signal + rng.normal(size=ROWS) > 0).astype(float)
    noisy_signal = signal + noise * np.random.default_rng(seed).normal(size=ROWS)
    scores = 1 / (1 + np.exp(-noisy_signal))[:, None]
    return statistics(Task("binary"), Answers(labels, scores, threshold=0.5))["auc"]


def chance() -> Statistic:
    """The AUC of the baseline: one answer for all rows."""
    labels = np.arange(ROWS) % 2.0
    same = Answers(labels, np.full((ROWS, 1), 0.5), threshold=0.5)
    return statistics(Task("binary"), same)["auc"]


CHANCE = chance()
DAYS = np.arange(ROWS) % 7  # The day of each row.


def interval(units: Units = DAYS, confidence: float = 0.95) -> GainInterval:
    return gain_interval(GOOD, WORSE, units, more_is_better=True, confidence=confidence)


def evidence(challenger: Statistic, champion: Statistic) -> Document:
    """What the correct evaluator records."""
    gain = gain_interval(challenger, champion, DAYS, more_is_better=True, confidence=0.95)
    document = changed("holdout", {"rows": ROWS, "keys": ROWS, "units": {"auc": 7}}, EVIDENCE)
    document = changed("challenger", {"metrics": {"auc": challenger.value}}, document)
    document = changed("champion", {"metrics": {"auc": champion.value}}, document)
    document = changed("labels", {"holdout_rows": ROWS}, document)
    over_chance = gain_interval(challenger, CHANCE, DAYS, more_is_better=True, confidence=0.95)
    naive = {"metric": "auc", **over_chance._asdict(), "confidence": 0.95}
    document = changed("baseline", {"metrics": {"auc": 0.5}, "gain": naive}, document)
    return {**document, "gain": {"metric": "auc", **gain._asdict(), "confidence": 0.95}}


def changed(section: str, values: Document, document: Document | None = None) -> Document:
    """The document, by default the correct one, with other values in a section."""
    document = correct() if document is None else document
    return {**document, section: {**document[section], **values}}


GOOD = answers(0.3)
WORSE = answers(1.0, seed=2)


def correct() -> Document:
    return evidence(GOOD, WORSE)


def verdict(document: Document | None) -> Verdict:
    return decide(document, POLICY, replace(CASE, evidence=sha256(document) if document else None))


def test_the_correct_evaluator_promotes_the_good_challenger_and_not_the_worse_one() -> None:
    assert verdict(correct()).promote
    assert not verdict(evidence(WORSE, GOOD)).promote


def excepts_everything() -> Document | None:
    try:
        return evidence(GOOD, None)  # type: ignore[arg-type]  # As if loading the champion failed.
    except Exception:  # noqa: BLE001  # The fault that this one has.
        return {}


def returns_nothing() -> Document | None:
    return None


def reads_a_missing_metric_of_the_champion_as_zero() -> Document:
    value = correct()["challenger"]["metrics"]["auc"]
    gain = {"value": value, "lower": value - 0.01, "upper": value + 0.01}
    return changed("gain", gain, changed("champion", {"metrics": {"auc": 0.0}}))


def reads_a_missing_metric_of_the_challenger_as_zero() -> Document:
    return changed("challenger", {"metrics": {"auc": 0.0}})


def leaves_out_the_champion_that_it_cannot_score() -> Document:
    return {**correct(), "champion": None, "gain": None}


def compares_the_challenger_with_itself() -> Document:
    document = evidence(GOOD, GOOD)
    return {**document, "champion": {**document["challenger"], "version": 1}}


def compares_with_the_champion_of_last_month() -> Document:
    return changed("champion", {"version": 7})


def judges_the_challenger_on_its_training_rows() -> Document:
    return changed("challenger", {"trained_until": "2013-03-05", "overlap": 800})


def does_not_look_which_rows_were_trained_on() -> Document:
    return changed("challenger", {"learnt": None, "overlap": None})


def judges_the_two_on_different_rows() -> Document:
    return changed("champion", {"judged_on": "the rows of its own holdout"})


def swaps_the_two() -> Document:
    document = correct()
    challenger = document["challenger"]
    return {**document, "challenger": document["champion"], "champion": challenger}


def takes_a_tie_for_a_gain() -> Document:
    return evidence(GOOD, GOOD)


def takes_the_point_for_the_interval() -> Document:
    value = correct()["gain"]["value"]
    return changed("gain", {"lower": value, "upper": value, "error": 0.0})


def forgets_a_class_in_its_resamples() -> Document:
    return changed("gain", {"lower": float("nan"), "upper": float("nan")})


def mistakes_the_sign() -> Document:
    document = evidence(WORSE, GOOD)
    gain = document["gain"]
    negated = {"value": -gain["value"], "lower": -gain["upper"], "upper": -gain["lower"]}
    return changed("gain", negated, document)


def rounds_its_metrics() -> Document:
    document = correct()
    for role in ("challenger", "champion"):
        rounded = round(document[role]["metrics"]["auc"], 2)
        document = changed(role, {"metrics": {"auc": rounded}}, document)
    return document


def counts_in_percent() -> Document:
    document = correct()
    for role in ("challenger", "champion"):
        percent = 100 * document[role]["metrics"]["auc"]
        document = changed(role, {"metrics": {"auc": percent}}, document)
    names = ("value", "lower", "upper", "error")
    return changed("gain", {name: 100 * document["gain"][name] for name in names}, document)


def uses_a_narrower_interval_than_the_policy_asks_for() -> Document:
    return changed("gain", {**interval(confidence=0.6)._asdict(), "confidence": 0.6})


def takes_each_row_for_independent() -> Document:
    document = changed("gain", interval(np.arange(ROWS))._asdict())
    return changed("holdout", {"unit": "row", "units": {"auc": ROWS}}, document)


def forgets_that_it_has_looked_before() -> Document:
    return {**correct(), "look": 0}


def brings_the_evidence_of_last_week() -> Document:
    return {**correct(), "made": (NOW - timedelta(days=7)).isoformat()}


def judges_by_ten_rows() -> Document:
    return changed("holdout", {"rows": 10, "keys": 10, "units": {"auc": 7}})


def judges_each_row_ten_times() -> Document:
    return changed("holdout", {"rows": 10 * ROWS, "units": {"auc": 70}})


def does_not_wait_for_the_audit() -> Document:
    return changed("audit", {"unfinished": ["2013-03-07"]})


def is_first() -> Document:
    """The correct evidence where there is no champion."""
    return {**correct(), "champion": None, "gain": None}


def leaves_out_the_baseline() -> Document:
    return {**correct(), "baseline": None}


def judges_the_baseline_on_its_training_rows() -> Document:
    return changed("baseline", {"judged_on": "the training rows"})


def computes_the_baseline_from_the_holdout() -> Document:
    return changed("baseline", {"learnt": ROWS})


def takes_the_champion_for_the_baseline() -> Document:
    document = correct()
    return changed("baseline", {"gain": document["gain"]}, document)


def judges_by_the_first_labels_that_have_come() -> Document:
    return changed("labels", {"holdout_rows": 8 * ROWS})


def does_not_count_rows_without_a_label() -> Document:
    return changed("labels", {"training_rows": None})


def judges_by_labels_that_have_yet_to_come() -> Document:
    return changed("labels", {"newest_mature": "2013-02-22"})


def writes_words_for_numbers() -> Document:
    return changed("challenger", {"metrics": {"auc": "very good"}})


FAULTS: list[Callable[[], Document | None]] = [
    excepts_everything,
    returns_nothing,
    reads_a_missing_metric_of_the_champion_as_zero,
    reads_a_missing_metric_of_the_challenger_as_zero,
    leaves_out_the_champion_that_it_cannot_score,
    compares_the_challenger_with_itself,
    compares_with_the_champion_of_last_month,
    judges_the_challenger_on_its_training_rows,
    does_not_look_which_rows_were_trained_on,
    judges_the_two_on_different_rows,
    swaps_the_two,
    takes_a_tie_for_a_gain,
    takes_the_point_for_the_interval,
    forgets_a_class_in_its_resamples,
    mistakes_the_sign,
    rounds_its_metrics,
    counts_in_percent,
    uses_a_narrower_interval_than_the_policy_asks_for,
    takes_each_row_for_independent,
    forgets_that_it_has_looked_before,
    brings_the_evidence_of_last_week,
    judges_by_ten_rows,
    judges_each_row_ten_times,
    does_not_wait_for_the_audit,
    leaves_out_the_baseline,
    judges_the_baseline_on_its_training_rows,
    computes_the_baseline_from_the_holdout,
    takes_the_champion_for_the_baseline,
    judges_by_the_first_labels_that_have_come,
    does_not_count_rows_without_a_label,
    judges_by_labels_that_have_yet_to_come,
    writes_words_for_numbers,
]


@pytest.mark.parametrize("evaluator", FAULTS, ids=lambda evaluator: evaluator.__name__)
def test_a_broken_evaluator_promotes_nobody(evaluator: Callable[[], Document | None]) -> None:
    refusal = verdict(evaluator())
    assert not refusal.promote
    assert all(refusal.reasons)


def test_a_first_model_that_is_no_better_than_chance_is_not_promoted() -> None:
    def decided(document: Document) -> Verdict:
        case = replace(CASE, evidence=sha256(document), champion=None)
        return decide(document, POLICY, case)

    assert decided(is_first()).promote
    by_chance = evidence(CHANCE, WORSE) | {"champion": None, "gain": None}
    assert not decided(by_chance).promote


def test_a_document_that_was_changed_after_it_was_stored_promotes_nobody() -> None:
    stored = evidence(WORSE, GOOD)
    assert not decide(correct(), POLICY, replace(CASE, evidence=sha256(stored))).promote
