"""Evaluators with the faults that are found in the wild: whatever they make of two models, the gate lets nobody in by it.

Each is the right one with one fault, on real answers of two models: a good challenger and a champion that is worse.
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
from updraft.evaluation.bootstrap import paired_bootstrap
from updraft.evaluation.metrics import Answers, Statistic, statistics

Document = dict[str, Any]
ROWS = 2000


def answers(noise: float, seed: int = 1) -> Statistic:
    """The AUC of a model that sees the signal through noise; the rows and labels are always the same."""
    rng = np.random.default_rng(0)
    signal = rng.normal(size=ROWS)
    labels = (signal + rng.normal(size=ROWS) > 0).astype(float)
    seen = signal + noise * np.random.default_rng(seed).normal(size=ROWS)
    return statistics(Task("binary"), Answers(labels, 1 / (1 + np.exp(-seen))[:, None], threshold=0.5))["auc"]


def evidence(challenger: Statistic, champion: Statistic) -> Document:
    """What the right evaluator writes down."""
    gain = paired_bootstrap(challenger, champion, more_is_better=True, confidence=0.95, seed=1)
    holdout = {**EVIDENCE["holdout"], "rows": ROWS, "keys": ROWS, "units": {"auc": ROWS}}
    return {
        **EVIDENCE,
        "holdout": holdout,
        "challenger": {**EVIDENCE["challenger"], "metrics": {"auc": challenger.value}},
        "champion": {**EVIDENCE["champion"], "metrics": {"auc": champion.value}},
        "gain": {"metric": "auc", **gain._asdict(), "confidence": 0.95},
    }


GOOD, WORSE = answers(0.3), answers(1.0, seed=2)


def right() -> Document:
    return evidence(GOOD, WORSE)


def verdict(document: Document | None) -> Verdict:
    return decide(document, POLICY, replace(CASE, evidence=sha256(document) if document else None))


def test_the_right_evaluator_gets_the_good_challenger_in_and_not_the_worse_one() -> None:
    assert verdict(right()).promote
    assert not verdict(evidence(WORSE, GOOD)).promote


def excepts_everything() -> Document | None:
    try:
        return evidence(GOOD, None)  # type: ignore[arg-type]  # As if the champion could not be loaded.
    except Exception:  # noqa: BLE001  # The fault that this one has.
        return {}


def returns_nothing() -> Document | None:
    return None


def reads_a_missing_metric_of_the_champion_as_zero() -> Document:
    document = right()
    found = document["challenger"]["metrics"]["auc"]
    gain = {**document["gain"], "value": found, "lower": found - 0.01, "upper": found + 0.01}
    return {**document, "champion": {**document["champion"], "metrics": {"auc": 0.0}}, "gain": gain}


def reads_a_missing_metric_of_the_challenger_as_zero() -> Document:
    return {**right(), "challenger": {**right()["challenger"], "metrics": {"auc": 0.0}}}


def leaves_out_the_champion_that_it_cannot_score() -> Document:
    return {**right(), "champion": None, "gain": None}


def compares_the_challenger_with_itself() -> Document:
    document = evidence(GOOD, GOOD)
    return {**document, "champion": {**document["challenger"], "version": 1}}


def compares_with_the_champion_of_last_month() -> Document:
    return {**right(), "champion": {**right()["champion"], "version": 7}}


def judges_the_challenger_on_rows_that_it_has_learnt_from() -> Document:
    return {**right(), "challenger": {**right()["challenger"], "trained_until": "2013-03-05", "overlap": 800}}


def does_not_look_which_rows_were_learnt_from() -> Document:
    return {**right(), "challenger": {**right()["challenger"], "learnt": None, "overlap": None}}


def judges_the_two_on_different_rows() -> Document:
    return {**right(), "champion": {**right()["champion"], "judged_on": "the rows of its own holdout"}}


def swaps_the_two() -> Document:
    document = right()
    return {**document, "challenger": document["champion"], "champion": document["challenger"]}


def takes_a_tie_for_a_gain() -> Document:
    return evidence(GOOD, GOOD)


def takes_the_point_for_the_interval() -> Document:
    gain = right()["gain"]
    return {**right(), "gain": {**gain, "lower": gain["value"], "upper": gain["value"], "error": 0.0}}


def forgets_a_class_in_its_resamples() -> Document:
    return {**right(), "gain": {**right()["gain"], "lower": float("nan"), "upper": float("nan")}}


def mistakes_the_sign() -> Document:
    document = evidence(WORSE, GOOD)
    gain = document["gain"]
    return {**document, "gain": {**gain, "value": -gain["value"], "lower": -gain["upper"], "upper": -gain["lower"]}}


def rounds_its_figures() -> Document:
    metrics = [round(right()[role]["metrics"]["auc"], 2) for role in ("challenger", "champion")]
    document = right()
    for role, value in zip(("challenger", "champion"), metrics, strict=True):
        document[role] = {**document[role], "metrics": {"auc": value}}
    return document


def counts_in_percent() -> Document:
    document = right()
    for role in ("challenger", "champion"):
        document[role] = {**document[role], "metrics": {"auc": 100 * document[role]["metrics"]["auc"]}}
    gain = {name: 100 * document["gain"][name] for name in ("value", "lower", "upper", "error")}
    return {**document, "gain": {**document["gain"], **gain}}


def uses_a_narrower_interval_than_the_policy_asks_for() -> Document:
    gain = paired_bootstrap(GOOD, WORSE, more_is_better=True, confidence=0.6, seed=1)
    return {**right(), "gain": {"metric": "auc", **gain._asdict(), "confidence": 0.6}}


def brings_the_evidence_of_last_week() -> Document:
    return {**right(), "made": (NOW - timedelta(days=7)).isoformat()}


def judges_by_ten_rows() -> Document:
    return {**right(), "holdout": {**right()["holdout"], "rows": 10, "keys": 10, "units": {"auc": 10}}}


def judges_each_row_ten_times() -> Document:
    return {**right(), "holdout": {**right()["holdout"], "rows": 10 * ROWS, "units": {"auc": 10 * ROWS}}}


def does_not_wait_for_the_audit() -> Document:
    return {**right(), "audit": {**EVIDENCE["audit"], "unfinished": ["2013-03-07"]}}


def writes_words_for_figures() -> Document:
    return {**right(), "challenger": {**right()["challenger"], "metrics": {"auc": "very good"}}}


FAULTS: list[Callable[[], Document | None]] = [
    excepts_everything,
    returns_nothing,
    reads_a_missing_metric_of_the_champion_as_zero,
    reads_a_missing_metric_of_the_challenger_as_zero,
    leaves_out_the_champion_that_it_cannot_score,
    compares_the_challenger_with_itself,
    compares_with_the_champion_of_last_month,
    judges_the_challenger_on_rows_that_it_has_learnt_from,
    does_not_look_which_rows_were_learnt_from,
    judges_the_two_on_different_rows,
    swaps_the_two,
    takes_a_tie_for_a_gain,
    takes_the_point_for_the_interval,
    forgets_a_class_in_its_resamples,
    mistakes_the_sign,
    rounds_its_figures,
    counts_in_percent,
    uses_a_narrower_interval_than_the_policy_asks_for,
    brings_the_evidence_of_last_week,
    judges_by_ten_rows,
    judges_each_row_ten_times,
    does_not_wait_for_the_audit,
    writes_words_for_figures,
]


@pytest.mark.parametrize("evaluator", FAULTS, ids=lambda evaluator: evaluator.__name__)
def test_a_broken_evaluator_gets_nobody_in(evaluator: Callable[[], Document | None]) -> None:
    found = verdict(evaluator())
    assert not found.promote
    assert all(found.reasons)


def test_a_document_that_was_mended_after_it_was_kept_gets_nobody_in() -> None:
    kept = evidence(WORSE, GOOD)
    assert not decide(right(), POLICY, replace(CASE, evidence=sha256(kept))).promote
