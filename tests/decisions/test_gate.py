"""The gate fails closed: one whole evidence promotes, and each way of spoiling it refuses."""

from copy import deepcopy
from typing import Any

import pytest

from updraft.core.sections import Gate
from updraft.decisions.gate import Verdict
from updraft.decisions.gate import decide as judge

POLICY = Gate(metric="auc", rule="better", margin=0.0, confidence=0.95, floors={"auc": 0.6}, min_rows=1000)
EVIDENCE: dict[str, Any] = {
    "use_case": "flights",
    "holdout": {
        "table": "features", "version": 7, "first": "2013-03-01", "last": "2013-03-07", "rows": 6000, "positives": 1200,
    },
    "challenger": {
        "version": 2, "algorithm": "lightgbm", "trained_until": "2013-02-28", "description": "late flights",
        "metrics": {"auc": 0.71, "f1": 0.4},
    },
    "champion": {
        "version": 1, "algorithm": "logistic_regression", "trained_until": "2013-01-31", "description": "late flights",
        "metrics": {"auc": 0.69, "f1": 0.4},
    },
    "gain": {"metric": "auc", "value": 0.02, "lower": 0.01, "upper": 0.03, "confidence": 0.95},
}  # fmt: skip
NAN = float("nan")


def changed(path: str, value: Any) -> dict[str, Any]:
    evidence = deepcopy(EVIDENCE)
    *parents, last = path.split(".")
    place = evidence
    for parent in parents:
        place = place[parent]
    if value is ...:
        del place[last]
    else:
        place[last] = value
    return evidence


def decide(document: Any, policy: Gate) -> Verdict:
    return judge(document, policy, challenger=2)


def test_evidence_about_another_version_is_refused() -> None:
    assert judge(EVIDENCE, POLICY, challenger=3).reasons == ["the evidence is about version 2, not 3"]


def test_a_better_challenger_is_promoted_with_the_figures() -> None:
    verdict = decide(EVIDENCE, POLICY)
    assert verdict.promote
    assert verdict.reasons == ["gain in auc over version 1: +0.0200 (95% interval +0.0100 to +0.0300)"]


def test_the_first_model_is_promoted_by_its_floors() -> None:
    first = changed("champion", None) | {"gain": None}
    assert decide(first, POLICY).promote


BROKEN = [
    ("holdout.rows", 999, "fewer than 1000"),
    ("holdout.rows", ..., "not whole: holdout.rows"),
    ("holdout.positives", 0, "single class"),
    ("holdout.positives", 6000, "single class"),
    ("holdout.first", "2013-02-28", "the challenger has learnt from rows until 2013-02-28"),
    ("holdout.first", "2013-01-31", "the champion has learnt from rows until 2013-01-31"),
    ("holdout", None, "not whole: holdout"),
    ("challenger", None, "not whole: challenger"),
    ("champion.version", 2, "the same version"),
    ("challenger.description", "  ", "no description"),
    ("challenger.metrics", {}, "auc is nan"),
    ("challenger.metrics", {"auc": NAN}, "auc is nan"),
    ("challenger.metrics", {"auc": 0.59}, "below its floor"),
    ("challenger.metrics", {"auc": 0.71, "f1": float("inf")}, "no numbers: ['f1']"),
    ("champion.metrics", {"auc": NAN}, "no numbers: ['auc']"),
    ("challenger.trained_until", None, "not whole"),
    ("champion", None, "only one is there"),
    ("gain", None, "only one is there"),
    ("gain.metric", "f1", "not in auc"),
    ("gain.confidence", 0.5, "at 0.95"),
    ("gain.lower", 0.0, "not surely above"),
    ("gain.lower", -0.01, "not surely above"),
    ("gain.lower", NAN, "does not lie in its interval"),
    ("gain.value", NAN, "not the difference"),
    ("gain.value", 0.015, "not the difference"),
    ("gain.upper", float("inf"), "does not lie in its interval"),
    ("champion.metrics", {}, "no auc between 0 and 1"),
    ("challenger.metrics", {"auc": 1.7}, "no auc between 0 and 1"),
    ("holdout.last", "2013-02-27", "before it starts"),
    ("gain.value", "much", "not whole: gain.value"),
    ("gain.upper", 0.015, "does not lie in its interval"),
    ("surprise", 1, "not whole: surprise"),
]


@pytest.mark.parametrize(("path", "value", "says"), BROKEN)
def test_broken_evidence_is_refused_with_its_reason(path: str, value: Any, says: str) -> None:
    verdict = decide(changed(path, value), POLICY)
    assert not verdict.promote
    assert any(says in reason for reason in verdict.reasons), verdict.reasons


@pytest.mark.parametrize("nothing", [None, {}, []])
def test_no_evidence_is_refused(nothing: Any) -> None:
    assert decide(nothing, POLICY).reasons == ["there is no evidence"]


@pytest.mark.parametrize(("lower", "promoted"), [(-0.005, True), (-0.01, True), (-0.0101, False)])
def test_not_worse_bears_a_loss_within_the_margin(lower: float, promoted: bool) -> None:
    policy = POLICY.model_copy(update={"rule": "not_worse", "margin": 0.01})
    assert decide(changed("gain.lower", lower), policy).promote is promoted


def test_equal_models_pass_only_as_not_worse() -> None:
    equal = changed("gain", {"metric": "auc", "value": 0.0, "lower": 0.0, "upper": 0.0, "confidence": 0.95})
    equal["champion"]["metrics"]["auc"] = equal["challenger"]["metrics"]["auc"]
    assert not decide(equal, POLICY).promote
    assert decide(equal, POLICY.model_copy(update={"rule": "not_worse"})).promote
