"""The gate fails closed: one whole evidence promotes, and each way of spoiling it refuses."""

from copy import deepcopy
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from updraft.core.evidence import Gain, sha256
from updraft.core.kinds import TRAITS, Kind, more_is_better
from updraft.core.sections import Gate, Required, Slices
from updraft.decisions.gate import RANGES, Case, Verdict, units_needed
from updraft.decisions.gate import decide as judge

POLICY = Gate(metric="auc", rule="better", min_gain=0.0, confidence=0.95, floors={"auc": 0.6}, min_rows=1000)
NOW = datetime(2013, 3, 8, 12, tzinfo=UTC)
EVIDENCE: dict[str, Any] = {
    "use_case": "flights", "owner": "operations", "made": "2013-03-08T11:00:00Z", "code": "0123abc",
    "holdout": {
        "table": "features", "version": 7, "sha256": "rows", "split": None, "first": "2013-03-01", "last": "2013-03-07",
        "rows": 6000, "keys": 6000, "labels": 2, "positives": 1200, "units": {"auc": 6000},
    },
    "audit": {"bronze": 60000, "clean": 59990, "quarantined": 10, "unfinished": [], "unaudited": 0},
    "challenger": {
        "version": 2, "algorithm": "lightgbm", "sha256": "aa", "judged_on": "rows", "trained_until": "2013-02-28",
        "learnt": 50000, "overlap": 0,
        "description": "late flights", "card": "late flights\n\n- trained", "metrics": {"auc": 0.71, "f1": 0.4},
        "latency_ms": 0.2, "size_mb": 1.5,
    },
    "champion": {
        "version": 1, "algorithm": "logistic_regression", "sha256": "bb", "judged_on": "rows", "trained_until": "2013-01-31",
        "learnt": 30000, "overlap": 0, "description": "late flights",
        "card": "late flights\n\n- trained", "metrics": {"auc": 0.69, "f1": 0.4},
        "latency_ms": 0.1, "size_mb": 0.1,
    },
    "gain": {"metric": "auc", "value": 0.02, "lower": 0.01, "upper": 0.03, "confidence": 0.95, "error": 0.005},
    "slices": [],
}  # fmt: skip
CASE = Case(
    use_case="flights",
    kind="binary",
    challenger=2,
    champion=1,
    evidence=None,
    features_version=7,
    days=(date(2013, 3, 1), date(2013, 3, 7)),
    now=NOW,
)
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


def decide(document: Any, policy: Gate, kind: Kind = "binary", snapshot: bool = False, **case: Any) -> Verdict:
    """The verdict on evidence that MLflow keeps as it is given, in the case of these tests."""
    known = {"evidence": sha256(document) if document else None, "kind": kind, **({"days": None} if snapshot else {}), **case}
    return judge(document, policy, replace(CASE, **known))


@pytest.mark.parametrize(
    ("case", "says"),
    [
        ({"challenger": 3}, "the evidence is about version 2, not 3"),
        ({"use_case": "churn"}, "the evidence is about flights, not churn"),
        ({"champion": 3}, "stale: it compares with champion 1, but now it is 3; train again"),
        ({"champion": None}, "stale: it compares with champion 1, but now it is None; train again"),
        ({"champion": 2}, "stale: it compares with champion 1, but now it is 2; train again"),
        ({"features_version": 8}, "the holdout is not the one that training has left alone"),
        ({"days": (date(2013, 3, 1), date(2013, 3, 8))}, "the holdout is not the one that training has left alone"),
        ({"days": (date(2013, 2, 28), date(2013, 3, 7))}, "the holdout is not the one that training has left alone"),
        ({"now": NOW + timedelta(days=1)}, "stale: it was made at 2013-03-08 11:00, and it is 2013-03-09 12:00"),
        ({"now": NOW - timedelta(hours=1, minutes=6)}, "stale: it was made at"),
        ({"evidence": "0" * 64}, "their hashes differ"),
        ({"evidence": None}, "their hashes differ"),
    ],
)
def test_evidence_that_is_not_about_this_case_is_refused(case: dict[str, Any], says: str) -> None:
    verdict = decide(EVIDENCE, POLICY, **case)
    assert not verdict.promote
    assert len(verdict.reasons) == 1
    assert says in verdict.reasons[0]


def test_evidence_may_be_as_old_as_a_day_and_clocks_may_differ_a_little() -> None:
    made = NOW - timedelta(hours=1)
    for now, promoted in [
        (made + timedelta(days=1), True),
        (made + timedelta(days=1, seconds=1), False),
        (made - timedelta(minutes=5), True),
        (made - timedelta(minutes=5, seconds=1), False),
    ]:
        assert decide(EVIDENCE, POLICY, now=now).promote is promoted, now


def test_a_hash_is_of_the_content_whatever_the_order_of_the_keys() -> None:
    assert sha256(dict(reversed(EVIDENCE.items()))) == sha256(EVIDENCE) != sha256(changed("owner", "others"))


def test_a_better_challenger_is_promoted_with_the_figures() -> None:
    verdict = decide(EVIDENCE, POLICY)
    assert verdict.promote
    assert verdict.reasons == ["gain in auc of +0.0200 (95% interval +0.0100 to +0.0300) over version 1"]


def test_the_first_model_is_promoted_by_its_floors() -> None:
    first = changed("champion", None) | {"gain": None}
    verdict = decide(first, POLICY, champion=None)
    assert verdict.promote
    assert verdict.reasons == ["first model of the use case, and its auc of 0.7100 reaches the floor"]
    allowed = of_kind("rmse", 41.0, 44.5, 300) | {"champion": None, "gain": None}
    reasons = decide(allowed, policy_of("rmse", 60.0), "regression", champion=None).reasons
    assert reasons == ["first model of the use case, and its rmse of 41.0000 is within what is allowed"]


BROKEN = [
    ("holdout.rows", 999, "fewer than 1000"),
    ("holdout.rows", ..., "not whole: holdout.rows"),
    ("holdout.positives", 0, "single class"),
    ("holdout.units", {}, "auc rests on 0 rows or users"),
    ("holdout.units", {"auc": 29}, "auc rests on 29 rows or users, fewer than 30"),
    ("holdout.positives", 6000, "single class"),
    ("challenger.trained_until", "2013-03-01", "the challenger has learnt from rows until 2013-03-01, but the holdout starts"),
    ("champion.trained_until", "2013-03-05", "the champion has learnt from rows until 2013-03-05"),
    ("holdout.keys", 5999, "5999 different keys"),
    ("holdout.positives", None, "single class"),
    ("holdout.first", None, "the holdout is not the one"),
    ("holdout.last", None, "the holdout is not the one"),
    ("champion.trained_until", None, "until when the champion has learnt is not shown"),
    ("champion.overlap", ..., "not whole: champion.overlap"),
    ("champion.overlap", 3, "the champion has learnt from 3 of the holdout's 6000 keys"),
    ("challenger.overlap", 1, "the challenger has learnt from 1 of the holdout's 6000 keys"),
    ("challenger.overlap", -1, "the challenger has learnt from -1"),
    ("challenger.overlap", None, "the challenger has learnt from is not shown"),
    ("challenger.learnt", None, "the challenger has learnt from is not shown"),
    ("champion.learnt", 0, "the champion has learnt from is not shown"),
    ("champion.learnt", -5, "the champion has learnt from is not shown"),
    ("champion.sha256", "aa", "version 1, are the same model"),
    ("champion.judged_on", "others", "the champion was judged on other rows than the holdout's"),
    ("challenger.judged_on", "others", "the challenger was judged on other rows than the holdout's"),
    ("holdout.sha256", "others", "the champion was judged on other rows"),
    ("champion.metrics", {"auc": 0.0}, "version 1 has auc of exactly 0"),
    ("gain.error", 0.0, "the gain's interval, 0.01 to 0.03, has no width"),
    ("owner", " ", "the use case has no owner"),
    ("challenger.card", "\n", "the challenger has no card"),
    ("challenger.latency_ms", NAN, "latency was not measured: nan"),
    ("challenger.latency_ms", 0.0, "latency was not measured"),
    ("challenger.size_mb", float("inf"), "size was not measured"),
    ("challenger.size_mb", -1.0, "size was not measured"),
    ("audit.unfinished", ["2013-02-03"], "the last audit of 2013-02-03 has not passed: raw rows are neither clean nor"),
    ("audit.unfinished", None, "not whole: audit.unfinished"),
    ("audit.clean", 0, "no row of these partitions has passed an audit"),
    ("audit.bronze", 0, "no row of these partitions has passed an audit"),
    ("holdout.table", "predictions", "the holdout is not the one that training has left alone"),
    ("holdout.version", 6, "the holdout is not the one that training has left alone"),
    ("holdout.rows", "6000", "not whole: holdout.rows"),
    ("challenger.metrics", {"auc": "0.71"}, "not whole: challenger.metrics.auc"),
    ("challenger.metrics", {"auc": True}, "not whole: challenger.metrics.auc"),
    ("audit.unaudited", 1, "1 of the holdout's keys are not among the clean rows"),
    ("audit.unaudited", -1, "-1 of the holdout's keys"),
    ("audit", ..., "not whole: audit"),
    ("made", "2013-03-08T11:00:00", "not whole: made"),
    ("made", "2013-03-01T11:00:00Z", "stale: it was made at 2013-03-01"),
    ("slices", None, "not whole: slices"),
    ("gain.error", NAN, "the gain's error, nan, is none"),
    ("gain.error", -0.1, "the gain's error, -0.1, is none"),
    ("gain.error", float("inf"), "the gain's error, inf, is none"),
    ("holdout", None, "not whole: holdout"),
    ("challenger", None, "not whole: challenger"),
    ("challenger.description", "  ", "no description"),
    ("challenger.metrics", {}, "auc is nan"),
    ("challenger.metrics", {"auc": NAN}, "auc is nan"),
    ("challenger.metrics", {"auc": 0.59}, "below its floor"),
    ("challenger.metrics", {"auc": 0.71, "f1": float("inf")}, "no numbers: ['f1']"),
    ("champion.metrics", {"auc": NAN}, "no numbers: ['auc']"),
    ("challenger.trained_until", None, "until when the challenger has learnt is not shown"),
    ("challenger.trained_until", ..., "not whole"),
    ("gain", None, "only one is there"),
    ("gain.metric", "f1", "not in auc"),
    ("gain.confidence", 0.5, "at 0.95"),
    ("gain.lower", 0.0, "not surely above"),
    ("gain.lower", -0.01, "not surely above"),
    ("gain.lower", NAN, "does not lie in its interval"),
    ("gain.value", NAN, "does not lie in its interval"),
    ("gain.value", 0.015, "not the difference"),
    ("gain.upper", float("inf"), "does not lie in its interval"),
    ("champion.metrics", {}, "no auc between 0 and 1"),
    ("challenger.metrics", {"auc": 1.7}, "no auc between 0 and 1"),
    ("holdout.last", "2013-02-27", "the holdout is not the one"),
    ("gain.value", "much", "not whole: gain.value"),
    ("gain.upper", 0.015, "does not lie in its interval"),
    ("surprise", 1, "not whole: surprise"),
]


@pytest.mark.parametrize(("path", "value", "says"), BROKEN)
def test_broken_evidence_is_refused_with_its_reason(path: str, value: Any, says: str) -> None:
    verdict = decide(changed(path, value), POLICY)
    assert verdict.promote is False
    assert any(says in reason for reason in verdict.reasons), verdict.reasons


def test_a_version_compared_with_itself_or_with_nobody_is_refused() -> None:
    (itself,) = decide(changed("champion.version", 2), POLICY, champion=2).reasons
    assert itself == "challenger and champion are the same version, 2"
    (nobody,) = decide(changed("champion", None), POLICY, champion=None).reasons
    assert nobody == "of the champion and the gain over it, only one is there"


@pytest.mark.parametrize("nothing", [None, {}, []])
def test_no_evidence_is_refused(nothing: Any) -> None:
    assert decide(nothing, POLICY) == Verdict(False, ["there is no evidence"])


@pytest.mark.parametrize(("lower", "promoted"), [(-0.005, True), (-0.01, True), (-0.0101, False)])
def test_not_worse_bears_a_loss_within_the_margin(lower: float, promoted: bool) -> None:
    policy = not_worse(margin=0.01)
    assert decide(changed("gain.lower", lower), policy).promote is promoted


def test_equal_models_pass_only_as_not_worse() -> None:
    equal = changed("gain", {**EVIDENCE["gain"], "value": 0.0, "lower": 0.0, "upper": 0.0, "error": 0.0})
    equal["champion"]["metrics"]["auc"] = equal["challenger"]["metrics"]["auc"]
    assert not decide(equal, POLICY).promote
    assert decide(equal, not_worse()).promote
    assert not decide(changed("champion.sha256", "aa", equal), not_worse()).promote, "the same model twice passes nowhere"


def not_worse(**keys: float) -> Gate:
    return Gate(metric="auc", rule="not_worse", floors={"auc": 0.6}, min_rows=1000, **keys)  # type: ignore[arg-type]


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
            evidence[role] |= {"trained_until": None}
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
    assert verdict.reasons[0].startswith(f"gain in {metric} of +")
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
    assert decide(of_kind("f1", 0.62, 0.6, 2, snapshot=True), policy).reasons == [
        "the holdout is not the one that training has left alone"
    ]
    dated = decide(of_kind("f1", 0.62, 0.6, 2), policy, snapshot=True)
    assert not dated.promote
    assert dated.reasons == ["the holdout is no split of a snapshot"]


def test_a_metric_of_another_kind_decides_nothing() -> None:
    verdict = decide(of_kind("auc", 0.7, 0.6, 300), policy_of("auc", 0.5), kind="regression")
    assert verdict.reasons == ["the policy's metric, auc, is none of kind regression"]


def test_every_metric_has_a_range() -> None:
    metrics = {metric for traits in TRAITS.values() for metric in traits.metrics}
    assert set(RANGES) < metrics
    assert all(low < high for low, high in RANGES.values())


SLICED = POLICY.model_copy(update={"slices": Slices(columns=["origin"], max_loss=0.01, min_rows=500)})


def slice_of(value: str = "EWR", rows: int = 2000, **gain: Any) -> dict[str, Any]:
    return {"column": "origin", "value": value, "rows": rows, "gain": {**EVIDENCE["gain"], "lower": -0.005, **gain}}


@pytest.mark.parametrize(
    ("slices", "says"),
    [
        ([], "no group of origin with 500 rows or more is shown"),
        ([slice_of(rows=499)], "no group of origin with 500 rows or more is shown"),
        ([{**slice_of(), "column": "dest"}], "no group of origin with 500 rows or more is shown"),
        ([slice_of(), slice_of("JFK", lower=-0.011)], "where origin is JFK (2,000 rows), the challenger's gain in auc"),
        ([slice_of(lower=NAN)], "where origin is EWR, the gain 0.02 does not lie in its interval"),
        ([slice_of(metric="f1")], "where origin is EWR, the gain is in f1"),
        ([slice_of(confidence=0.5)], "where origin is EWR, the gain is in auc at 0.5"),
    ],
)
def test_a_declared_group_must_be_shown_not_to_lose(slices: list[dict[str, Any]], says: str) -> None:
    verdict = decide(changed("slices", slices), SLICED)
    assert not verdict.promote
    assert [says in reason for reason in verdict.reasons] == [True], verdict.reasons


def test_groups_that_bear_little_pass_and_small_ones_are_not_judged() -> None:
    groups = [slice_of(), slice_of("JFK", lower=-0.01), slice_of("LGA", rows=499, lower=-0.5)]
    assert decide(changed("slices", groups), SLICED).promote
    first = changed("champion", None) | {"gain": None}
    assert decide(first, SLICED, champion=None).promote, "the first model has nobody to lose against"


@pytest.mark.parametrize(
    ("limits", "says"),
    [({"latency_ms": 0.19}, "latency is 0.2 ms, above 0.19"), ({"size_mb": 1.4}, "size is 1.5 MB, above 1.4")],
)
def test_limits_of_what_serving_costs_hold(limits: dict[str, float], says: str) -> None:
    verdict = decide(EVIDENCE, POLICY.model_copy(update={"required": Required(**limits)}))
    assert [says in reason for reason in verdict.reasons] == [True], verdict.reasons
    assert decide(EVIDENCE, POLICY.model_copy(update={"required": Required(latency_ms=0.2, size_mb=1.5)})).promote


def test_a_gain_must_exceed_min_gain_not_only_reach_it() -> None:
    assert Gate(metric="auc", floors={"auc": 0.6}, design_gain=0.03).min_gain == pytest.approx(0.01)
    assert Gate(metric="auc", floors={"auc": 0.6}, design_gain=0.03, min_gain=0.0).min_gain == 0
    assert Gate(metric="auc", floors={"auc": 0.6}).min_gain == 0
    for min_gain, promoted in [(0.0099, True), (0.01, False)]:
        assert decide(EVIDENCE, POLICY.model_copy(update={"min_gain": min_gain})).promote is promoted


def test_a_refusal_says_how_many_rows_the_design_gain_needs() -> None:
    # (1.96 + 1.96)^2 * 0.005^2 / 0.01^2 * 6000 rows.
    policy = POLICY.model_copy(update={"design_gain": 0.01})
    assert units_needed(Gain.model_validate(EVIDENCE["gain"]), 6000, policy) == 23049
    assert units_needed(Gain.model_validate(EVIDENCE["gain"]), 6000, POLICY) is None
    (reason,) = decide(changed("gain.lower", -0.001), policy).reasons
    assert reason.endswith("To see a true gain of 0.01 in 9 of 10 cases takes 23,049 rows; there are 6,000")
    sharper = policy.model_copy(update={"min_gain": 0.005, "confidence": 0.8})
    assert units_needed(Gain.model_validate(EVIDENCE["gain"]), 6000, sharper) == 63045


NOT_PASSED = "has not passed: raw rows are neither clean nor in quarantine; mend them, then train again"
WHOLE_AUDIT = {"bronze": 1, "clean": 1, "quarantined": 0, "unfinished": [], "unaudited": 0}
BOUNDARIES = [
    ("holdout.rows", 1000, {"holdout.keys": 1000, "holdout.positives": 500}),
    ("holdout.units", {"auc": 30}, {}),
    ("holdout.positives", 1, {}),
    ("holdout.positives", 5999, {}),
    ("challenger.trained_until", "2013-02-28", {}),
    ("challenger.learnt", 1, {}),
    ("audit", WHOLE_AUDIT, {}),
    ("audit", {"bronze": 100, "clean": 1, "quarantined": 99, "unfinished": [], "unaudited": 0}, {}),
    ("challenger.metrics", {"auc": 1.0}, {"gain.value": 0.31, "gain.upper": 0.31}),
    ("champion.metrics", {"auc": 1e-9}, {"gain.value": 0.71, "gain.upper": 0.71}),
    ("gain.value", 0.02 + 0.9e-6, {}),
    ("gain.lower", 0.02, {"gain.upper": 0.02 + 1e-12, "gain.value": 0.02 + 1e-12}),
    ("gain.error", 1e-12, {}),
    ("challenger.latency_ms", 1e-9, {}),
]


@pytest.mark.parametrize(("path", "value", "others"), BOUNDARIES)
def test_what_is_just_enough_is_enough(path: str, value: Any, others: dict[str, Any]) -> None:
    document = changed(path, value)
    for other, also in others.items():
        document = changed(other, also, document)
    assert decide(document, POLICY) == Verdict(True, decide(document, POLICY).reasons)


def test_a_gain_is_the_difference_as_exactly_as_its_size_allows() -> None:
    assert not decide(changed("gain.value", 0.02 + 1.5e-6), POLICY).promote
    large = of_kind("rmse", 1000.0, 5000.0, 300)
    policy = policy_of("rmse", 2000.0)
    assert decide(changed("gain.value", 4000.0 + 3e-3, large), policy, "regression").promote
    assert not decide(changed("gain.value", 4000.0 + 5e-3, large), policy, "regression").promote


@pytest.mark.parametrize(
    ("kind", "metric", "labels", "says"),
    [
        ("binary", "auc", 2, "the holdout holds a single class"),
        ("multiclass", "macro_f1", 4, "the holdout holds a single class"),
        ("regression", "r2", 300, "the holdout holds a single value"),
    ],
)
def test_a_holdout_without_differences_is_named_by_its_kind(kind: Kind, metric: str, labels: int, says: str) -> None:
    whole = of_kind(metric, 0.7, 0.6, labels)
    for enough in (2, 6000) if kind != "binary" else ():
        assert decide(changed("holdout.labels", enough, whole), policy_of(metric, 0.1), kind).promote
    spoilt = changed("holdout.positives", 0, whole) if kind == "binary" else changed("holdout.labels", 1, whole)
    assert decide(spoilt, policy_of(metric, 0.1), kind) == Verdict(False, [says])
    if kind != "binary":
        assert decide(changed("holdout.labels", 6001, whole), policy_of(metric, 0.1), kind) == Verdict(False, [says])


@pytest.mark.parametrize(
    ("path", "value", "says"),
    [
        ("challenger.description", "", "the challenger has no description"),
        ("challenger.card", "", "the challenger has no card"),
        ("owner", "", "the use case has no owner"),
        ("gain.lower", -float("inf"), "the gain 0.02 does not lie in its interval [-inf, 0.03]"),
        ("audit.unfinished", ["2013-02-01", "2013-02-02", "2013-02-03"],
         f"the last audit of 2013-02-01, 2013-02-02, 2013-02-03 {NOT_PASSED}"),
        ("audit.unfinished", [f"2013-02-0{n}" for n in range(1, 5)],
         f"the last audit of 2013-02-01, 2013-02-02, 2013-02-03, ... {NOT_PASSED}"),
        ("audit.unfinished", ["2013-02-01"], f"the last audit of 2013-02-01 {NOT_PASSED}"),
        ("audit", {**WHOLE_AUDIT, "bronze": 0, "clean": 0}, "no row of these partitions has passed an audit"),
        ("holdout.units", {}, "auc rests on 0 rows or users, fewer than 30"),
    ],
)  # fmt: skip
def test_a_single_fault_gives_a_single_reason_in_full(path: str, value: Any, says: str) -> None:
    assert decide(changed(path, value), POLICY) == Verdict(False, [says])


def test_reasons_are_whole_sentences() -> None:
    mended = changed("made", ..., changed("use_case", ...))
    assert decide(mended, POLICY) == Verdict(False, ["the evidence is not whole: use_case, made"])
    altered = decide(EVIDENCE, POLICY, evidence="0" * 64)
    assert altered == Verdict(False, ["the evidence is not the one that MLflow keeps: their hashes differ"])
    (reason,) = decide(changed("gain.lower", -0.001), POLICY.model_copy(update={"design_gain": 0.01})).reasons
    gain = "gain in auc of +0.0200 (95% interval -0.0010 to +0.0300)"
    assert reason.startswith(f"the challenger's {gain} over version 1 is not surely above +0. To see a true gain of 0.01")
    (lost,) = decide(changed("slices", [slice_of(rows=500, lower=-0.02)]), SLICED).reasons
    gain = "gain in auc of +0.0200 (95% interval -0.0200 to +0.0300)"
    assert lost == f"where origin is EWR (500 rows), the challenger's {gain} is not surely above -0.01"
    assert decide(changed("slices", [slice_of(rows=500)]), SLICED).promote
    unknown = decide(changed("holdout.units", {}, changed("gain.lower", -0.1)), POLICY.model_copy(update={"design_gain": 0.01}))
    assert unknown.reasons[-1].endswith("is not surely above +0"), "of no rows nothing can be reckoned"


@pytest.mark.parametrize(
    ("floors", "metrics", "says"),
    [
        ({"log_loss": 0.9}, {"log_loss": 0.0}, "version 2 has log_loss of exactly 0, which stands for one that is missing"),
        ({"calibration_error": 0.1}, {"calibration_error": -3.0}, "version 2 has no calibration_error between 0 and 1"),
        ({"f1": 0.5}, {"f1": 45.0}, "version 2 has no f1 between 0 and 1"),
        ({"f1": 0.5}, {"f1": float("nan")}, "version 2 has metrics that are no numbers: ['f1']"),
    ],
)
def test_a_floor_is_reached_only_by_a_figure_that_can_be(floors: Any, metrics: dict[str, float], says: str) -> None:
    document = changed("holdout.units", {"auc": 6000, **dict.fromkeys(floors, 6000)})
    document["challenger"]["metrics"] |= metrics
    first = {**document, "champion": None, "gain": None}
    policy = Gate(metric="auc", floors={"auc": 0.6, **floors}, min_rows=1000)
    assert says in decide(first, policy, champion=None).reasons


def test_a_group_cannot_be_larger_than_the_holdout() -> None:
    assert decide(changed("slices", [slice_of(rows=6000)]), SLICED).promote
    assert not decide(changed("slices", [slice_of(rows=6001)]), SLICED).promote


def test_what_is_ranked_for_users_is_counted_in_users() -> None:
    whole = changed("gain.lower", -0.01, of_kind("ndcg_at_10", 0.2, 0.18, 1))
    policy = policy_of("ndcg_at_10", 0.1).model_copy(update={"design_gain": 0.01})
    (reason,) = decide(whole, policy, "recommendation").reasons
    assert reason.endswith(" users; there are 6,000")
