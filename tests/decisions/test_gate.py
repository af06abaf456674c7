"""The gate fails closed: one whole evidence promotes, and each way of spoiling it refuses."""

from copy import deepcopy
from typing import Any

import pytest

from updraft.core.kinds import TRAITS, Kind, more_is_better
from updraft.core.sections import Gate
from updraft.decisions.gate import RANGES, Verdict
from updraft.decisions.gate import decide as judge

POLICY = Gate(metric="auc", rule="better", margin=0.0, confidence=0.95, floors={"auc": 0.6}, min_rows=1000)
EVIDENCE: dict[str, Any] = {
    "use_case": "flights",
    "holdout": {
        "table": "features", "version": 7, "split": None, "first": "2013-03-01", "last": "2013-03-07", "rows": 6000,
        "keys": 6000, "labels": 2, "positives": 1200, "units": {"auc": 6000},
    },
    "challenger": {
        "version": 2, "algorithm": "lightgbm", "trained_until": "2013-02-28", "overlap": None, "description": "late flights",
        "metrics": {"auc": 0.71, "f1": 0.4},
    },
    "champion": {
        "version": 1, "algorithm": "logistic_regression", "trained_until": "2013-01-31", "overlap": None,
        "description": "late flights",
        "metrics": {"auc": 0.69, "f1": 0.4},
    },
    "gain": {"metric": "auc", "value": 0.02, "lower": 0.01, "upper": 0.03, "confidence": 0.95},
}  # fmt: skip
NAN = float("nan")


def changed(path: str, value: Any, document: dict[str, Any] = EVIDENCE) -> dict[str, Any]:
    evidence = deepcopy(document)
    *parents, last = path.split(".")
    place = evidence
    for parent in parents:
        place = place[parent]
    if value is ...:
        del place[last]
    else:
        place[last] = value
    return evidence


def decide(document: Any, policy: Gate, kind: Kind = "binary", snapshot: bool = False) -> Verdict:
    return judge(document, policy, challenger=2, kind=kind, snapshot=snapshot)


def test_evidence_about_another_version_is_refused() -> None:
    assert judge(EVIDENCE, POLICY, challenger=3, kind="binary", snapshot=False).reasons == [
        "the evidence is about version 2, not 3"
    ]


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
    ("holdout.units", {}, "auc rests on 0 rows or users"),
    ("holdout.units", {"auc": 29}, "auc rests on 29 rows or users, fewer than 30"),
    ("holdout.positives", 6000, "single class"),
    ("holdout.first", "2013-02-28", "the challenger has learnt from rows until 2013-02-28"),
    ("holdout.first", "2013-01-31", "the champion has learnt from rows until 2013-01-31"),
    ("holdout.keys", 5999, "5999 different keys"),
    ("holdout.positives", None, "single class"),
    ("holdout.first", None, "the holdout has no days"),
    ("holdout.last", None, "the holdout has no days"),
    ("champion.trained_until", None, "until when the champion has learnt is not shown"),
    ("champion.overlap", ..., "not whole: champion.overlap"),
    ("holdout", None, "not whole: holdout"),
    ("challenger", None, "not whole: challenger"),
    ("champion.version", 2, "the same version"),
    ("challenger.description", "  ", "no description"),
    ("challenger.metrics", {}, "auc is nan"),
    ("challenger.metrics", {"auc": NAN}, "auc is nan"),
    ("challenger.metrics", {"auc": 0.59}, "below its floor"),
    ("challenger.metrics", {"auc": 0.71, "f1": float("inf")}, "no numbers: ['f1']"),
    ("champion.metrics", {"auc": NAN}, "no numbers: ['auc']"),
    ("challenger.trained_until", None, "until when the challenger has learnt is not shown"),
    ("challenger.trained_until", ..., "not whole"),
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


# One whole evidence of each other kind: the metric, both models' values of it, the holdout's labels, and a floor.
KINDS: list[tuple[Kind, str, float, float, int | None, float]] = [
    ("binary", "value", -12.5, -14.0, 2, -20.0),
    ("binary", "log_loss", 0.40, 0.45, 2, 0.5),
    ("multiclass", "macro_f1", 0.41, 0.38, 4, 0.3),
    ("regression", "rmse", 41.0, 44.5, 300, 60.0),
    ("regression", "r2", 0.91, -0.2, 300, 0.5),
    ("clustering", "silhouette", 0.4, -0.1, None, 0.2),
    ("recommendation", "rmse", 0.9, 0.95, 10, 1.1),
    ("recommendation", "ndcg_at_10", 0.2, 0.18, 1, 0.1),
]


def of_kind(metric: str, value: float, champions: float, labels: int | None, snapshot: bool = False) -> dict[str, Any]:
    evidence = deepcopy(EVIDENCE)
    evidence["holdout"]["labels"] = labels
    evidence["holdout"]["units"] = {metric: 6000}
    evidence["holdout"]["positives"] = 1200 if labels == 2 else None
    evidence["challenger"]["metrics"], evidence["champion"]["metrics"] = {metric: value}, {metric: champions}
    gain = (value - champions) * (1 if more_is_better(metric) else -1)
    evidence["gain"] |= {"metric": metric, "value": gain, "lower": gain / 2, "upper": gain * 2}
    if snapshot:
        evidence["holdout"] |= {"split": "holdout", "first": None, "last": None}
        for role in ("challenger", "champion"):
            evidence[role] |= {"trained_until": None, "overlap": 0}
    return evidence


def policy_of(metric: str, floor: float) -> Gate:
    return Gate(metric=metric, floors={metric: floor}, min_rows=1000)


@pytest.mark.parametrize("snapshot", [False, True])
@pytest.mark.parametrize(("kind", "metric", "value", "champions", "labels", "floor"), KINDS)
def test_every_kind_is_promoted_by_whole_evidence_and_refused_by_each_spoilt_one(
    kind: Kind, metric: str, value: float, champions: float, labels: int | None, floor: float, snapshot: bool
) -> None:
    policy, whole = policy_of(metric, floor), of_kind(metric, value, champions, labels, snapshot)
    verdict = decide(whole, policy, kind, snapshot)
    assert verdict.promote, verdict.reasons
    assert verdict.reasons[0].startswith(f"gain in {metric} over version 1: +")
    lowest, highest = RANGES.get(metric, (0.0, 1.0))
    spoilt = [
        ("challenger.metrics", {metric: NAN}),
        ("challenger.metrics", {}),
        ("challenger.metrics", {metric: champions}),  # The gain is no longer their difference.
        ("champion.metrics", {metric: NAN}),
        ("gain.value", -whole["gain"]["value"]),
        ("gain.lower", -0.001),
        ("gain.lower", NAN),
        ("gain.upper", NAN),
        ("gain.metric", "accuracy"),
        ("holdout.rows", 999),
        *([("challenger.metrics", {metric: lowest - 1})] if lowest > -float("inf") else []),
        *([("challenger.metrics", {metric: highest + 1})] if highest < float("inf") else []),
        *([("holdout.labels", 1), ("holdout.labels", None)] if kind in ("multiclass", "regression") else []),
    ]
    for path, bad in spoilt:
        assert not decide(changed(path, bad, whole), policy, kind, snapshot).promote, (path, bad)


@pytest.mark.parametrize(("kind", "metric", "value", "champions", "labels", "floor"), KINDS)
def test_a_floor_holds_in_the_direction_of_its_metric(
    kind: Kind, metric: str, value: float, champions: float, labels: int | None, floor: float
) -> None:
    better = more_is_better(metric)
    strict = policy_of(metric, value + (0.01 if better else -0.01))
    verdict = decide(of_kind(metric, value, champions, labels), strict, kind)
    assert [("below its floor" if better else "the highest allowed") in reason for reason in verdict.reasons] == [True]
    assert decide(of_kind(metric, value, champions, labels), policy_of(metric, value), kind).promote


@pytest.mark.parametrize(
    ("path", "value", "says"),
    [
        ("challenger.overlap", 1, "the challenger has learnt from 1 of the holdout's 6000 keys"),
        ("champion.overlap", 6000, "the champion has learnt from 6000"),
        ("champion.overlap", -1, "the champion has learnt from -1"),
        ("challenger.overlap", None, "the challenger has learnt from is not shown"),
        ("challenger.overlap", ..., "not whole: challenger.overlap"),
        ("champion.overlap", None, "the champion has learnt from is not shown"),
        ("holdout.split", None, "no split of a snapshot"),
        ("holdout.split", "", "no split of a snapshot"),
        ("holdout.keys", 5000, "but 5000 different keys"),
    ],
)
def test_a_snapshots_holdout_must_be_shown_to_be_apart(path: str, value: Any, says: str) -> None:
    policy, whole = policy_of("f1", 0.5), of_kind("f1", 0.62, 0.6, 2, snapshot=True)
    assert decide(whole, policy, snapshot=True).promote
    verdict = decide(changed(path, value, whole), policy, snapshot=True)
    assert not verdict.promote
    assert any(says in reason for reason in verdict.reasons), verdict.reasons


def test_evidence_without_days_passes_only_for_a_snapshot_and_the_other_way_round() -> None:
    policy = policy_of("f1", 0.5)
    assert "the holdout has no days" in decide(of_kind("f1", 0.62, 0.6, 2, snapshot=True), policy).reasons
    dated = decide(of_kind("f1", 0.62, 0.6, 2), policy, snapshot=True)
    assert not dated.promote
    assert any("is not shown" in reason for reason in dated.reasons)


def test_a_metric_of_another_kind_decides_nothing() -> None:
    verdict = decide(of_kind("auc", 0.7, 0.6, 300), policy_of("auc", 0.5), kind="regression")
    assert verdict.reasons == ["the policy's metric, auc, is none of kind regression"]


def test_every_metric_has_a_range() -> None:
    metrics = {metric for traits in TRAITS.values() for metric in traits.metrics}
    assert set(RANGES) < metrics
    assert all(low < high for low, high in RANGES.values())
