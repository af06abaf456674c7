"""The gate fails closed: complete evidence promotes, and each way of spoiling it refuses."""

from copy import deepcopy
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from updraft.core.evidence import Gain, sha256
from updraft.core.kinds import TRAITS, Kind
from updraft.core.ledger import Entry
from updraft.core.metrics import METRICS, metric_of
from updraft.core.sections import Gate, Required, Slices
from updraft.decisions.gate import Case, Verdict, units_needed
from updraft.decisions.gate import decide as judge

POLICY = Gate(
    metric="auc", rule="better", min_gain=0.0, confidence=0.95, floors={"auc": 0.6}, min_rows=1000
)
NOW = datetime(2013, 3, 8, 12, tzinfo=UTC)
EVIDENCE: dict[str, Any] = {
    "use_case": "flights",
    "owner": "operations",
    "made": "2013-03-08T11:00:00Z",
    "code": "0123abc",
    "look": 1,
    "holdout": {
        "table": "features",
        "version": 7,
        "sha256": "rows",
        "split": None,
        "first": "2013-03-01",
        "last": "2013-03-07",
        "rows": 6000,
        "keys": 6000,
        "labels": 2,
        "positives": 1200,
        "unit": "partition",
        "units": {"auc": 7},
    },
    "audit": {
        "bronze": 60000,
        "clean": 59990,
        "quarantined": 10,
        "unfinished": [],
        "unaudited": 0,
    },
    "challenger": {
        "version": 2,
        "algorithm": "lightgbm",
        "sha256": "aa",
        "judged_on": "rows",
        "trained_until": "2013-02-28",
        "learnt": 50000,
        "overlap": 0,
        "description": "late flights",
        "card": "late flights\n\n- trained",
        "metrics": {"auc": 0.71, "f1": 0.4},
        "latency_ms": 0.2,
        "size_mb": 1.5,
    },
    "champion": {
        "version": 1,
        "algorithm": "logistic_regression",
        "sha256": "bb",
        "judged_on": "rows",
        "trained_until": "2013-01-31",
        "learnt": 30000,
        "overlap": 0,
        "description": "late flights",
        "card": "late flights\n\n- trained",
        "metrics": {"auc": 0.69, "f1": 0.4},
        "latency_ms": 0.1,
        "size_mb": 0.1,
    },
    "gain": {
        "metric": "auc",
        "value": 0.02,
        "lower": 0.01,
        "upper": 0.03,
        "confidence": 0.95,
        "error": 0.005,
    },
    "slices": [],
    "labels": {
        "holdout_rows": 6100,
        "training_rows": 51000,
        "newest_mature": "2013-03-07",
    },
    "baseline": {
        "name": "always no",
        "judged_on": "rows",
        "learnt": 50000,
        "metrics": {"auc": 0.5, "f1": 0.0},
        "gain": {
            "metric": "auc",
            "value": 0.21,
            "lower": 0.2,
            "upper": 0.22,
            "confidence": 0.95,
            "error": 0.005,
        },
    },
}
CASE = Case(
    use_case="flights",
    kind="binary",
    challenger=2,
    champion=1,
    unit="partition",
    look=1,
    evidence=None,
    features_version=7,
    days=(date(2013, 3, 1), date(2013, 3, 7)),
    now=NOW,
    trainable_until=date(2013, 2, 28),
    newest_mature=date(2013, 3, 7),
    hold=None,
    barred={},
)
ROLLBACK = Entry(
    number=5,
    key="k",
    time=datetime(2013, 3, 7, 12, tzinfo=UTC),
    event="rolled back",
    version=1,
    from_version=4,
    to_version=1,
    by="ada",
    reasons=["complaints"],
    evidence=None,
    run_id=None,
    features_version=None,
    code="0123abc",
)
DESCRIBED = "the rollback from version 4 to version 1 at 2013-03-07 12:00 UTC by ada (complaints)"
NAN = float("nan")
INFINITY = float("inf")
UNSHOWN_KEYS = "the evidence does not show which of the holdout's keys"
INCOMPLETE = "the evidence is incomplete or invalid"
STALE = "the evidence is stale: it compares the challenger with version 1"
OTHER_HOLDOUT = "the holdout is not the one that training set aside"
STANDARD_ERROR = "the gain's standard error is"
OTHER_ROWS = "was judged on rows other than the holdout's"
NOT_AUDITED = "no row of the training and holdout partitions has passed the audit"
AT_LEAST_5 = "expected at least 5 and at most one for each of the 6,000 rows"
UNSHOWN_MATURITY = (
    "the evidence does not show that the labels of 2013-03-07, the holdout's last partition, are "
    "complete"
)
NO_GROUP = "the evidence shows no group of origin with 500 rows or more"


def changed(path: str, value: Any, document: dict[str, Any] = EVIDENCE) -> dict[str, Any]:
    """A copy with another value at a path, or without the path if the value is ``...``."""
    evidence = deepcopy(document)
    *parents, last = path.split(".")
    section = evidence
    for parent in parents:
        section = section[parent]
    if value is ...:
        del section[last]
    else:
        section[last] = value
    return evidence


def decide(
    document: Any, policy: Gate, kind: Kind = "binary", snapshot: bool = False, **case: Any
) -> Verdict:
    """The verdict on evidence that is stored unchanged in MLflow, in the case of these tests."""
    facts: dict[str, Any] = {"evidence": sha256(document) if document else None, "kind": kind}
    if snapshot:
        facts["days"] = None
    return judge(document, policy, replace(CASE, **{**facts, **case}))


@pytest.mark.parametrize(
    ("case", "message"),
    [
        ({"challenger": 3}, "the evidence is about version 2, not 3"),
        ({"use_case": "churn"}, "the evidence is about flights, not churn"),
        ({"champion": 3}, f"{STALE}, but now version 3 is champion; train again"),
        ({"champion": None}, f"{STALE}, but now there is no champion; train again"),
        ({"champion": 2}, f"{STALE}, but now version 2 is champion; train again"),
        ({"features_version": 8}, OTHER_HOLDOUT),
        (
            {"days": (date(2013, 3, 1), date(2013, 3, 8))},
            OTHER_HOLDOUT,
        ),
        (
            {"days": (date(2013, 2, 28), date(2013, 3, 7))},
            OTHER_HOLDOUT,
        ),
        (
            {"now": NOW + timedelta(days=1)},
            "stale: it was made at 2013-03-08 11:00, and it is now 2013-03-09 12:00",
        ),
        ({"now": NOW - timedelta(hours=1, minutes=6)}, "stale: it was made at"),
        ({"evidence": "0" * 64}, "their hashes differ"),
        ({"evidence": None}, "their hashes differ"),
    ],
)
def test_evidence_that_is_not_about_this_case_is_refused(
    case: dict[str, Any], message: str
) -> None:
    verdict = decide(EVIDENCE, POLICY, **case)
    assert not verdict.promote
    assert len(verdict.reasons) == 1
    assert message in verdict.reasons[0]


def test_while_promotions_are_held_nobody_is_promoted() -> None:
    verdict = decide(EVIDENCE, POLICY, hold=ROLLBACK)
    assert not verdict.promote
    assert verdict.reasons == [
        f"promotions are held by {DESCRIBED}: release them by `updraft release flights` or the DAG "
        "flights_release; then clear the task gate of this run while its evidence is fresh, or "
        "train again"
    ]


def test_a_file_that_a_rollback_has_taken_away_is_refused() -> None:
    """Whatever its version; the champion's own file and others are no matter."""
    verdict = decide(EVIDENCE, POLICY, barred={"cc": ROLLBACK, "aa": ROLLBACK})
    assert not verdict.promote
    assert verdict.reasons == [
        f"its model file is that of version 4, which is barred by {DESCRIBED}: train on other rows "
        "or with another search; if the bar is wrong, lift it by `updraft release flights` with "
        "--version 2"
    ]
    assert decide(EVIDENCE, POLICY, barred={"bb": ROLLBACK, "cc": ROLLBACK}).promote


def test_a_hold_and_a_bar_hide_no_other_reason() -> None:
    reasons = decide(changed("owner", ""), POLICY, hold=ROLLBACK, barred={"aa": ROLLBACK}).reasons
    assert len(reasons) == 3
    assert reasons[0].startswith("promotions are held")
    assert reasons[1].startswith("its model file is that of version 4")


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
    assert sha256(dict(reversed(EVIDENCE.items()))) == sha256(EVIDENCE)
    assert sha256(changed("owner", "others")) != sha256(EVIDENCE)


def test_a_better_challenger_is_promoted_with_its_gain() -> None:
    verdict = decide(EVIDENCE, POLICY)
    assert verdict.promote
    assert verdict.reasons == [
        "gain in auc of +0.0200 (95 % interval +0.0100 to +0.0300) over version 1"
    ]


def test_the_first_model_is_promoted_by_its_floors() -> None:
    first = changed("champion", None) | {"gain": None}
    verdict = decide(first, POLICY, champion=None)
    assert verdict.promote
    assert verdict.reasons == [
        "first model of the use case, and its auc of 0.7100 reaches the floor; "
        "gain in auc of +0.2100 (95 % interval +0.2000 to +0.2200) over always no"
    ]
    allowed = of_kind("rmse", 41.0, 44.5, 300) | {"champion": None, "gain": None}
    (reason,) = decide(allowed, policy_of("rmse", 60.0), "regression", champion=None).reasons
    assert reason.startswith(
        "first model of the use case, and its rmse of 41.0000 is within the limit; gain in rmse of "
    )


BROKEN = [
    ("labels", ..., f"{INCOMPLETE}: labels"),
    ("labels", None, f"{INCOMPLETE}: labels"),
    ("labels.holdout_rows", NAN, f"{INCOMPLETE}: labels.holdout_rows"),
    ("labels.holdout_rows", 0, "the evidence shows 6000 labels in 0 rows of the holdout's"),
    ("labels.holdout_rows", 5999, "the evidence shows 6000 labels in 5999 rows of the holdout's"),
    ("labels.holdout_rows", 50000, "labels are still coming in: 12.0% of the holdout's rows"),
    ("labels.training_rows", None, "the evidence shows 50000 labels in None rows of the training"),
    ("labels.training_rows", 0, "the evidence shows 50000 labels in 0 rows of the training"),
    ("labels.training_rows", 49999, "50000 labels in 49999 rows of the training partitions"),
    ("challenger.learnt", 0, "the evidence shows 0 labels in 51000 rows of the training"),
    ("challenger.learnt", None, "the evidence shows None labels in 51000 rows of the training"),
    ("holdout.rows", 0, "the evidence shows 0 labels in 6100 rows of the holdout's partitions"),
    ("baseline", ..., f"{INCOMPLETE}: baseline"),
    ("baseline.name", " ", "the baseline has no name"),
    ("baseline.metrics", {}, "the baseline has no auc between 0 and 1"),
    ("baseline.metrics", {"auc": NAN}, "the baseline has no auc between 0 and 1"),
    ("baseline.metrics", {"auc": -0.01}, "the baseline has no auc between 0 and 1"),
    ("baseline.metrics", {"auc": 1.01}, "the baseline has no auc between 0 and 1"),
    ("baseline.metrics", {"auc": 0.6}, "over the baseline, the gain 0.21 is not the difference"),
    ("baseline.gain", None, f"{INCOMPLETE}: baseline.gain"),
    ("baseline.gain.value", NAN, "over the baseline, the gain nan does not lie in its interval"),
    ("baseline.gain.lower", NAN, "over the baseline, the gain 0.21 does not lie in its interval"),
    ("baseline.gain.metric", "f1", "over the baseline, the gain is in f1"),
    ("baseline.gain.confidence", 0.5, "over the baseline, the gain is in auc at confidence 0.5"),
    ("baseline.gain.error", 0.0, "over the baseline, the gain's interval, 0.2 to 0.22, has no"),
    ("holdout.rows", 999, "fewer than 1000"),
    ("holdout.rows", ..., f"{INCOMPLETE}: holdout.rows"),
    ("holdout.positives", 0, "single class"),
    ("holdout.units", {}, f"auc is computed from 0 partitions, {AT_LEAST_5}"),
    ("holdout.units", {"auc": 4}, f"auc is computed from 4 partitions, {AT_LEAST_5}"),
    ("holdout.units", {"auc": 6001}, f"auc is computed from 6,001 partitions, {AT_LEAST_5}"),
    ("holdout.unit", "row", "the gain rests on each row as independent, expected each partition"),
    ("look", 2, "challenger number 2 on this holdout, but by now this is number 1; train again"),
    ("holdout.positives", 6000, "single class"),
    (
        "challenger.trained_until",
        "2013-03-01",
        "the challenger was trained on rows up to 2013-03-01, but the holdout starts",
    ),
    ("champion.trained_until", "2013-03-05", "the champion was trained on rows up to 2013-03-05"),
    ("holdout.keys", 5999, "5999 different keys"),
    ("holdout.positives", None, "single class"),
    ("holdout.positives", 5, "the holdout has 5 positives, at least 30 are needed"),
    ("holdout.positives", 1, "the holdout has 1 positives, at least 30 are needed"),
    ("holdout.positives", 29, "the holdout has 29 positives, at least 30 are needed"),
    ("holdout.positives", 5971, "the holdout has 29 negatives, at least 30 are needed"),
    ("holdout.first", None, "the holdout is not the one"),
    ("holdout.last", None, "the holdout is not the one"),
    (
        "champion.trained_until",
        None,
        "the evidence does not show until which day the champion was trained",
    ),
    ("champion.overlap", ..., f"{INCOMPLETE}: champion.overlap"),
    ("champion.overlap", 3, "the champion was trained on 3 of the holdout's 6000 keys"),
    ("challenger.overlap", 1, "the challenger was trained on 1 of the holdout's 6000 keys"),
    ("challenger.overlap", -1, "the challenger was trained on -1"),
    ("challenger.overlap", None, f"{UNSHOWN_KEYS} the challenger was trained on"),
    ("challenger.learnt", None, f"{UNSHOWN_KEYS} the challenger was trained on"),
    ("champion.learnt", 0, f"{UNSHOWN_KEYS} the champion was trained on"),
    ("champion.learnt", -5, f"{UNSHOWN_KEYS} the champion was trained on"),
    ("champion.sha256", "aa", "version 1, are the same model"),
    ("champion.judged_on", "others", f"the champion {OTHER_ROWS}"),
    (
        "challenger.judged_on",
        "others",
        f"the challenger {OTHER_ROWS}",
    ),
    ("holdout.sha256", "others", f"the champion {OTHER_ROWS}"),
    ("champion.metrics", {"auc": 0.0}, "version 1 has auc of exactly 0"),
    ("gain.error", 0.0, "the gain's interval, 0.01 to 0.03, has no width"),
    ("owner", " ", "the use case has no owner"),
    ("challenger.card", "\n", "the challenger has no model card"),
    ("challenger.latency_ms", NAN, "latency was not measured: nan"),
    ("challenger.latency_ms", 0.0, "latency was not measured"),
    ("challenger.size_mb", INFINITY, "size was not measured"),
    ("challenger.size_mb", -1.0, "size was not measured"),
    (
        "audit.unfinished",
        ["2013-02-03"],
        "the clean rows or the features of 2013-02-03 are not what the present raw rows",
    ),
    ("audit.unfinished", None, f"{INCOMPLETE}: audit.unfinished"),
    ("audit.clean", 0, NOT_AUDITED),
    ("audit.bronze", 0, NOT_AUDITED),
    ("holdout.table", "predictions", OTHER_HOLDOUT),
    ("holdout.version", 6, OTHER_HOLDOUT),
    ("holdout.rows", "6000", f"{INCOMPLETE}: holdout.rows"),
    ("challenger.metrics", {"auc": "0.71"}, f"{INCOMPLETE}: challenger.metrics.auc"),
    ("challenger.metrics", {"auc": True}, f"{INCOMPLETE}: challenger.metrics.auc"),
    ("audit.unaudited", 1, "the clean rows lack 1 of the holdout's keys"),
    ("audit.unaudited", -1, "the clean rows lack -1 of the holdout's keys"),
    ("audit", ..., f"{INCOMPLETE}: audit"),
    ("made", "2013-03-08T11:00:00", f"{INCOMPLETE}: made"),
    ("made", "2013-03-01T11:00:00Z", "stale: it was made at 2013-03-01"),
    ("slices", None, f"{INCOMPLETE}: slices"),
    ("gain.error", NAN, f"{STANDARD_ERROR} nan, expected a finite number of at least 0"),
    (
        "gain.error",
        -0.1,
        f"{STANDARD_ERROR} -0.1, expected a finite number of at least 0",
    ),
    (
        "gain.error",
        INFINITY,
        f"{STANDARD_ERROR} inf, expected a finite number of at least 0",
    ),
    ("holdout", None, f"{INCOMPLETE}: holdout"),
    ("challenger", None, f"{INCOMPLETE}: challenger"),
    ("challenger.description", "  ", "no description"),
    ("challenger.metrics", {}, "auc is nan"),
    ("challenger.metrics", {"auc": NAN}, "auc is nan"),
    ("challenger.metrics", {"auc": 0.59}, "below its floor"),
    ("challenger.metrics", {"auc": 0.71, "f1": INFINITY}, "not finite numbers: ['f1']"),
    ("champion.metrics", {"auc": NAN}, "not finite numbers: ['auc']"),
    (
        "challenger.trained_until",
        None,
        "the evidence does not show until which day the challenger was trained",
    ),
    ("challenger.trained_until", ..., f"{INCOMPLETE}: challenger.trained_until"),
    ("gain", None, "either a champion or a gain over it, expected both or neither"),
    ("gain.metric", "f1", "expected in auc at confidence 0.95"),
    ("gain.confidence", 0.5, "expected in auc at confidence 0.95"),
    ("gain.lower", 0.0, "not significantly above"),
    ("gain.lower", -0.01, "not significantly above"),
    ("gain.lower", NAN, "does not lie in its interval"),
    ("gain.value", NAN, "does not lie in its interval"),
    ("gain.value", 0.015, "not the difference between the two models' auc"),
    ("gain.upper", INFINITY, "does not lie in its interval"),
    ("champion.metrics", {}, "no auc between 0 and 1"),
    ("challenger.metrics", {"auc": 1.7}, "no auc between 0 and 1"),
    ("holdout.last", "2013-02-27", "the holdout is not the one"),
    ("gain.value", "much", f"{INCOMPLETE}: gain.value"),
    ("gain.upper", 0.015, "does not lie in its interval"),
    ("surprise", 1, f"{INCOMPLETE}: surprise"),
]


@pytest.mark.parametrize(("path", "value", "message"), BROKEN)
def test_broken_evidence_is_refused_with_its_reason(path: str, value: Any, message: str) -> None:
    verdict = decide(changed(path, value), POLICY)
    assert verdict.promote is False
    assert any(message in reason for reason in verdict.reasons), verdict.reasons


def test_a_version_compared_with_itself_or_with_nobody_is_refused() -> None:
    (itself,) = decide(changed("champion.version", 2), POLICY, champion=2).reasons
    assert itself == "challenger and champion are the same version, 2"
    (nobody,) = decide(changed("champion", None), POLICY, champion=None).reasons
    expectation = "expected both or neither"
    assert nobody == f"the evidence has either a champion or a gain over it, {expectation}"


@pytest.mark.parametrize(("lower", "promoted"), [(1e-9, True), (0.0, False), (-0.01, False)])
def test_the_first_model_must_be_better_than_none(lower: float, promoted: bool) -> None:
    """(taxi) A model with an R2 of 0.005 became champion, because its floor was met."""
    document = changed("baseline.gain.lower", lower)
    assert decide(document, POLICY).promote, "any other has a champion to compare with"
    verdict = decide(document | {"champion": None, "gain": None}, POLICY, champion=None)
    assert verdict.promote is promoted
    if not promoted:
        interval = f"95 % interval {lower:+.4f} to +0.2200"
        assert verdict.reasons == [
            f"the challenger's gain in auc of +0.2100 ({interval}) over the baseline, always no, "
            "is not significantly above 0: the first model must be better than none"
        ]


@pytest.mark.parametrize(
    ("metric", "kind", "informed_by"),
    [
        ("recall", "binary", "auc"),
        ("calibration_error", "binary", "auc"),
        ("calibration_error", "multiclass", "auc"),
        ("smallest_share", "clustering", "silhouette"),
        ("coverage", "recommendation", "ndcg_at_10"),
    ],
)
def test_where_a_constant_is_best_the_baseline_is_compared_in_another_metric(
    metric: str, kind: Kind, informed_by: str
) -> None:
    assert informed_by in TRAITS[kind].metrics
    values = {metric: 0.1, informed_by: 0.71}
    document = of_kind(metric, 0.1, 0.05, 2 if kind == "binary" else 4)
    document |= {"champion": None, "gain": None}
    document["challenger"]["metrics"] = values
    document["baseline"] = deepcopy(EVIDENCE["baseline"])
    document["baseline"]["metrics"] = {metric: 0.0, informed_by: 0.5}
    policy = policy_of(metric, 0.1)
    document["baseline"]["gain"]["metric"] = informed_by
    assert decide(document, policy, kind, champion=None).promote
    document["baseline"]["gain"]["metric"] = metric
    (reason,) = decide(document, policy, kind, champion=None).reasons
    assert reason.startswith(f"over the baseline, the gain is in {metric}")


def test_labels_that_are_still_coming_in_are_not_a_single_class() -> None:
    """Of invoices whose labels take 14 days, a week held 12 % and none of them late."""
    document = changed("labels.holdout_rows", 50000, changed("holdout.positives", 0))
    assert decide(document, POLICY) == Verdict(
        False,
        [
            "labels are still coming in: 12.0% of the holdout's rows have one, of the training "
            "rows 98.0%, and expected are at least 75% of that; say in data.target.matures how "
            "long labels take, then train again"
        ],
    )
    one = changed("labels.holdout_rows", 1, changed("holdout.rows", 1))
    assert not any("labels" in reason for reason in decide(one, POLICY).reasons)
    few = changed("labels.holdout_rows", 8001, changed("labels.training_rows", 50000))
    assert not decide(few, POLICY).promote
    lenient = POLICY.model_copy(update={"min_labelled": 0.7})
    assert decide(few, lenient).promote


@pytest.mark.parametrize(
    ("case", "reasons"),
    [
        (
            {"trainable_until": date(2013, 2, 27)},
            [
                "the challenger was trained on rows up to 2013-02-28, but when the holdout began, "
                "labels were complete up to 2013-02-27 only"
            ],
        ),
        (
            {"trainable_until": None},
            ["it is not known which labels were complete when the holdout began"],
        ),
        ({"newest_mature": None}, ["it is not known which labels are complete now"]),
        (
            {"newest_mature": date(2013, 3, 8)},
            [
                "the holdout ends with 2013-03-07, but labels are complete up to 2013-03-08: "
                "train again, on the newest partitions"
            ],
        ),
        ({"newest_mature": date(2013, 3, 6)}, []),
        ({"trainable_until": date(2013, 3, 1)}, []),
    ],
)
def test_a_holdout_is_of_the_newest_complete_labels(case: Any, reasons: list[str]) -> None:
    verdict = decide(EVIDENCE, POLICY, **case)
    assert verdict.promote is (not reasons)
    assert reasons in ([], verdict.reasons)


@pytest.mark.parametrize("nothing", [None, {}, []])
def test_no_evidence_is_refused(nothing: Any) -> None:
    assert decide(nothing, POLICY) == Verdict(False, ["there is no evidence"])


@pytest.mark.parametrize(("lower", "promoted"), [(-0.005, True), (-0.01, True), (-0.0101, False)])
def test_not_worse_tolerates_a_loss_within_the_margin(lower: float, promoted: bool) -> None:
    policy = not_worse(margin=0.01)
    assert decide(changed("gain.lower", lower), policy).promote is promoted


def test_equal_models_pass_only_as_not_worse() -> None:
    no_gain = {**EVIDENCE["gain"], "value": 0.0, "lower": 0.0, "upper": 0.0, "error": 0.0}
    equal = changed("gain", no_gain)
    equal["champion"]["metrics"]["auc"] = equal["challenger"]["metrics"]["auc"]
    assert not decide(equal, POLICY).promote
    assert decide(equal, not_worse()).promote
    same_model = changed("champion.sha256", "aa", equal)
    assert not decide(same_model, not_worse()).promote, "the same model twice never passes"


def not_worse(**keys: Any) -> Gate:
    return Gate(metric="auc", rule="not_worse", floors={"auc": 0.6}, min_rows=1000, **keys)


# Complete evidence of each kind: the metric, its value for challenger and champion, the number of
# distinct labels in the holdout, and a floor.
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


def of_kind(
    metric: str, value: float, champions: float, labels: int | None, snapshot: bool = False
) -> dict[str, Any]:
    evidence = deepcopy(EVIDENCE)
    evidence["holdout"]["labels"] = labels
    evidence["holdout"]["units"] = {metric: 60}
    evidence["holdout"]["positives"] = 1200 if labels == 2 else None
    evidence["challenger"]["metrics"] = {metric: value}
    evidence["champion"]["metrics"] = {metric: champions}
    gain = (value - champions) * (1 if metric_of(metric).more_is_better else -1)
    evidence["gain"] |= {"metric": metric, "value": gain, "lower": gain / 2, "upper": gain * 2}
    naive = champions - gain * (1 if metric_of(metric).more_is_better else -1)
    evidence["baseline"]["metrics"] = {metric: naive}
    over_naive = {"metric": metric, "value": 2 * gain, "lower": gain, "upper": 3 * gain}
    evidence["baseline"]["gain"] |= over_naive
    if snapshot:
        evidence["holdout"] |= {"split": "holdout", "first": None, "last": None}
        evidence["labels"]["newest_mature"] = None
        for role in ("challenger", "champion"):
            evidence[role]["trained_until"] = None
    return evidence


def policy_of(metric: str, floor: float) -> Gate:
    return Gate(metric=metric, floors={metric: floor}, min_rows=1000)


@pytest.mark.parametrize("snapshot", [False, True])
@pytest.mark.parametrize(("kind", "metric", "value", "champions", "labels", "floor"), KINDS)
def test_every_kind_is_promoted_by_complete_evidence_and_refused_by_each_spoiled_one(
    kind: Kind,
    metric: str,
    value: float,
    champions: float,
    labels: int | None,
    floor: float,
    snapshot: bool,
) -> None:
    policy = policy_of(metric, floor)
    complete = of_kind(metric, value, champions, labels, snapshot)
    verdict = decide(complete, policy, kind, snapshot)
    assert verdict.promote, verdict.reasons
    assert verdict.reasons[0].startswith(f"gain in {metric} of +")
    lowest = metric_of(metric).lowest
    highest = metric_of(metric).highest
    spoiled = [
        ("challenger.metrics", {metric: NAN}),
        ("challenger.metrics", {}),
        ("challenger.metrics", {metric: champions}),  # The gain is no longer their difference.
        ("champion.metrics", {metric: NAN}),
        ("gain.value", -complete["gain"]["value"]),
        ("gain.lower", -0.001),
        ("gain.lower", NAN),
        ("gain.upper", NAN),
        ("gain.metric", "accuracy"),
        ("holdout.rows", 999),
    ]
    if lowest > -INFINITY:
        spoiled.append(("challenger.metrics", {metric: lowest - 1}))
    if highest < INFINITY:
        spoiled.append(("challenger.metrics", {metric: highest + 1}))
    if kind in ("multiclass", "regression"):
        spoiled += [("holdout.labels", 1), ("holdout.labels", None)]
    for path, bad in spoiled:
        document = changed(path, bad, complete)
        assert not decide(document, policy, kind, snapshot).promote, (path, bad)


@pytest.mark.parametrize(("kind", "metric", "value", "champions", "labels", "floor"), KINDS)
def test_a_floor_holds_in_the_direction_of_its_metric(
    kind: Kind, metric: str, value: float, champions: float, labels: int | None, floor: float
) -> None:
    better = metric_of(metric).more_is_better
    floor = value + (0.01 if better else -0.01)
    document = of_kind(metric, value, champions, labels)
    verdict = decide(document, policy_of(metric, floor), kind)
    below = f"below its floor of {floor:g}"
    above = f"above {floor:g}, the highest allowed"
    limit = below if better else above
    assert verdict.reasons == [f"the challenger's {metric} is {value:.4f}, {limit}"]
    assert decide(document, policy_of(metric, value), kind).promote


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        ("challenger.overlap", 1, "the challenger was trained on 1 of the holdout's 6000 keys"),
        ("champion.overlap", 6000, "the champion was trained on 6000"),
        ("champion.overlap", -1, "the champion was trained on -1"),
        ("challenger.overlap", None, f"{UNSHOWN_KEYS} the challenger was trained on"),
        ("challenger.overlap", ..., f"{INCOMPLETE}: challenger.overlap"),
        ("champion.overlap", None, f"{UNSHOWN_KEYS} the champion was trained on"),
        ("holdout.split", None, "not a split of a snapshot"),
        ("holdout.split", "", "not a split of a snapshot"),
        ("holdout.keys", 5000, "but 5000 different keys"),
    ],
)
def test_a_snapshots_holdout_must_be_shown_to_be_apart(path: str, value: Any, message: str) -> None:
    policy = policy_of("f1", 0.5)
    complete = of_kind("f1", 0.62, 0.6, 2, snapshot=True)
    assert decide(complete, policy, snapshot=True).promote
    verdict = decide(changed(path, value, complete), policy, snapshot=True)
    assert not verdict.promote
    assert any(message in reason for reason in verdict.reasons), verdict.reasons


def test_evidence_without_days_passes_only_for_a_snapshot_and_the_other_way_round() -> None:
    policy = policy_of("f1", 0.5)
    assert decide(of_kind("f1", 0.62, 0.6, 2, snapshot=True), policy).reasons == [OTHER_HOLDOUT]
    dated = decide(of_kind("f1", 0.62, 0.6, 2), policy, snapshot=True)
    assert not dated.promote
    assert dated.reasons == ["the holdout is not a split of a snapshot"]


def test_a_metric_of_another_kind_decides_nothing() -> None:
    verdict = decide(of_kind("auc", 0.7, 0.6, 300), policy_of("auc", 0.5), kind="regression")
    assert verdict.reasons == ["the policy's metric, auc, is not a metric of kind regression"]


def test_every_metric_has_a_range() -> None:
    metrics = {metric for traits in TRAITS.values() for metric in traits.metrics}
    assert set(METRICS) == metrics
    assert all(metric.lowest < metric.highest for metric in METRICS.values())


SLICED = POLICY.model_copy(
    update={"slices": Slices(columns=["origin"], max_loss=0.01, min_rows=500)}
)


def slice_of(value: str = "EWR", rows: int = 2000, **gain: Any) -> dict[str, Any]:
    return {
        "column": "origin",
        "value": value,
        "rows": rows,
        "gain": {**EVIDENCE["gain"], "lower": -0.005, **gain},
    }


@pytest.mark.parametrize(
    ("slices", "message"),
    [
        ([], NO_GROUP),
        ([slice_of(rows=499)], NO_GROUP),
        ([{**slice_of(), "column": "dest"}], NO_GROUP),
        (
            [slice_of(confidence=0.975), slice_of("JFK", lower=-0.011, confidence=0.975)],
            "where origin is JFK (2,000 rows), the challenger's gain in auc",
        ),
        ([slice_of(lower=NAN)], "where origin is EWR, the gain 0.02 does not lie in its interval"),
        ([slice_of(metric="f1")], "where origin is EWR, the gain is in f1"),
        ([slice_of(confidence=0.5)], "where origin is EWR, the gain is in auc at confidence 0.5"),
    ],
)
def test_a_declared_group_must_be_shown_not_to_lose(
    slices: list[dict[str, Any]], message: str
) -> None:
    verdict = decide(changed("slices", slices), SLICED)
    assert not verdict.promote
    assert [message in reason for reason in verdict.reasons] == [True], verdict.reasons


def test_a_group_may_lose_a_little_and_small_groups_are_not_judged() -> None:
    groups = [
        slice_of(confidence=0.975),
        slice_of("JFK", lower=-0.01, confidence=0.975),
        slice_of("LGA", rows=499, lower=-0.5),
    ]
    assert decide(changed("slices", groups), SLICED).promote
    first = changed("champion", None) | {"gain": None}
    promoted = decide(first, SLICED, champion=None).promote
    assert promoted, "the first model has no champion to lose against"


@pytest.mark.parametrize(
    ("limits", "message"),
    [
        (
            {"latency_ms": 0.19},
            "the challenger's latency is 0.2 ms, above 0.19, the highest allowed",
        ),
        ({"size_mb": 1.4}, "the challenger's size is 1.5 MB, above 1.4, the highest allowed"),
    ],
)
def test_limits_of_latency_and_size_hold(limits: dict[str, float], message: str) -> None:
    verdict = decide(EVIDENCE, POLICY.model_copy(update={"required": Required(**limits)}))
    assert verdict.reasons == [message]
    reached = POLICY.model_copy(update={"required": Required(latency_ms=0.2, size_mb=1.5)})
    assert decide(EVIDENCE, reached).promote


def test_a_gain_must_exceed_min_gain_not_only_reach_it() -> None:
    assert Gate(metric="auc", floors={"auc": 0.6}, design_gain=0.03).min_gain == pytest.approx(0.01)
    assert Gate(metric="auc", floors={"auc": 0.6}, design_gain=0.03, min_gain=0.0).min_gain == 0
    assert Gate(metric="auc", floors={"auc": 0.6}).min_gain == 0
    for min_gain, promoted in [(0.0099, True), (0.01, False)]:
        policy = POLICY.model_copy(update={"min_gain": min_gain})
        assert decide(EVIDENCE, policy).promote is promoted


@pytest.mark.parametrize(
    ("error", "units", "needed"),
    [
        # About ((1.96 + 1.96) * 0.005 / 0.01)^2 * 6000: with many units, Student's t is normal.
        (0.005, 6000, 23052),
        # From few units, the quantiles are larger: (2.03 + 2.03)^2 in place of (1.96 + 1.96)^2.
        (0.005, 7, 30),
        (0.0025, 7, 10),
        (0.002, 7, 7),
        (0.005, 1, 7),
        (0.0, 7, 5),
        (1e-9, 7, 5),
        (1e300, 7, 10**9),
        (0.005, 0, None),
    ],
)
def test_how_many_units_the_design_gain_needs(error: float, units: int, needed: int | None) -> None:
    policy = POLICY.model_copy(update={"design_gain": 0.01})
    gain = Gain.model_validate({**EVIDENCE["gain"], "error": error})
    assert units_needed(gain, units, policy) == needed
    assert units_needed(gain, units, POLICY) is None


def test_a_refusal_says_how_many_units_the_design_gain_needs() -> None:
    policy = POLICY.model_copy(update={"design_gain": 0.01})
    (reason,) = decide(changed("gain.lower", -0.001), policy).reasons
    assert reason.endswith(
        "Detecting a true gain of 0.01 in 9 of 10 cases takes about 30 partitions; there are 7"
    )
    gain = Gain.model_validate({**EVIDENCE["gain"], "confidence": 0.8})
    sharper = policy.model_copy(update={"min_gain": 0.005})
    assert units_needed(gain, 6000, sharper) == 63047


@pytest.mark.parametrize(
    ("unit", "text"),
    [
        ("partition", "1 partition, expected at least 5 "),
        ("day", "1 day, expected at least 5 "),
        ("row", "1 row, expected at least 30 "),
        ("customer", "1 values of customer, expected at least 30 "),
    ],
)
def test_units_are_counted_by_their_name(unit: str, text: str) -> None:
    document = changed("holdout.unit", unit, changed("holdout.units", {"auc": 1}))
    (reason,) = decide(document, POLICY, unit=unit).reasons
    assert reason.startswith(f"auc is computed from {text}")
    fewest = 5 if "5" in text else 30
    for number, promoted in ((fewest - 1, False), (fewest, True)):
        document = changed("holdout.units", {"auc": number}, document)
        assert decide(document, POLICY, unit=unit).promote is promoted


def later_look(look: int, confidence: float, **gain: float) -> dict[str, Any]:
    document = changed("look", look, changed("baseline.gain.confidence", confidence))
    return changed("gain", {**EVIDENCE["gain"], "confidence": confidence, **gain}, document)


def test_later_looks_need_wider_intervals() -> None:
    """(09.2) The second challenger has half of the error of the first, the third a sixth."""
    for look, confidence in ((1, 0.95), (2, 0.975), (3, 1 - 0.05 / 6)):
        assert decide(later_look(look, confidence), POLICY, look=look).promote
        if look > 1:
            reasons = decide(later_look(look, 0.95), POLICY, look=look).reasons
            wrong = "the gain is in auc at confidence 0.95, expected in auc at"
            assert all(wrong in reason for reason in reasons)
            assert [reason.startswith("over the baseline") for reason in reasons] == [False, True]
    lost = {"lower": -0.001}
    (reason,) = decide(later_look(2, 0.975, **lost), POLICY, look=2).reasons
    assert reason == (
        "the challenger's gain in auc of +0.0200 (97.5 % interval -0.0010 to +0.0300) over version "
        "1 is not significantly above +0. It is challenger number 2 on rows of this holdout, so "
        "the interval is at 97.5 % instead of 95 %; a holdout after 2013-03-07 is fresh"
    )
    snapshot = changed("holdout.last", None, later_look(2, 0.975, **lost))
    reasons = decide(snapshot, POLICY, look=2, snapshot=True).reasons
    assert any(reason.endswith("the keys of a snapshot are never fresh") for reason in reasons)


def test_slices_need_wider_intervals_the_more_there_are() -> None:
    """(09.1) So that all hold together: Bonferroni."""
    groups = [slice_of(rows=3000, value=value) for value in ("EWR", "JFK")]
    (first, *_) = decide(changed("slices", groups), SLICED).reasons
    assert first == (
        "where origin is EWR, the gain is in auc at confidence 0.95, "
        "expected in auc at confidence 0.975"
    )
    for group in groups:
        group["gain"]["confidence"] = 0.975
    assert decide(changed("slices", groups), SLICED).promote
    # A second challenger shares what is left of the error with all later ones.
    document = changed("slices", groups, later_look(2, 0.975))
    assert not decide(document, SLICED, look=2).promote
    for group in groups:
        group["gain"]["confidence"] = 0.9875
    assert decide(changed("slices", groups, document), SLICED, look=2).promote


ROWS_OF = "the clean rows or the features of"
NOT_PASSED = (
    "are not what the present raw rows have become: their last audit has not passed, or features "
    "were not built after it; run the data DAG for these partitions, then train again"
)
COMPLETE_AUDIT = {"bronze": 1, "clean": 1, "quarantined": 0, "unfinished": [], "unaudited": 0}
OVER_THE_BEST = {**EVIDENCE["gain"], "value": -0.29, "lower": -0.3, "upper": -0.2}
BOUNDARIES = [
    (
        "holdout.rows",
        1000,
        {"holdout.keys": 1000, "holdout.positives": 500, "labels.holdout_rows": 1000},
    ),
    ("holdout.units", {"auc": 5}, {}),
    ("holdout.units", {"auc": 6000}, {}),
    ("holdout.positives", 30, {}),
    ("holdout.positives", 5970, {}),
    ("challenger.trained_until", "2013-02-28", {}),
    ("challenger.learnt", 1, {"baseline.learnt": 1}),
    ("challenger.learnt", 51000, {"baseline.learnt": 51000}),
    ("labels.holdout_rows", 6000, {}),
    ("labels.holdout_rows", 8000, {"labels.training_rows": 50000}),
    ("labels.newest_mature", "2013-03-08", {}),
    ("baseline.metrics", {"auc": 0.0}, {"baseline.gain.value": 0.71, "baseline.gain.upper": 0.71}),
    ("baseline.metrics", {"auc": 1.0}, {"baseline.gain": OVER_THE_BEST}),
    ("audit", COMPLETE_AUDIT, {}),
    ("audit", {"bronze": 100, "clean": 1, "quarantined": 99, "unfinished": [], "unaudited": 0}, {}),
    (
        "challenger.metrics",
        {"auc": 1.0},
        {
            "gain.value": 0.31,
            "gain.upper": 0.31,
            "baseline.gain.value": 0.5,
            "baseline.gain.upper": 0.5,
        },
    ),
    ("champion.metrics", {"auc": 1e-9}, {"gain.value": 0.71, "gain.upper": 0.71}),
    ("gain.value", 0.02 + 0.9e-6, {}),
    ("gain.lower", 0.02, {"gain.upper": 0.02 + 1e-12, "gain.value": 0.02 + 1e-12}),
    ("gain.error", 1e-12, {}),
    ("challenger.latency_ms", 1e-9, {}),
]


@pytest.mark.parametrize(("path", "value", "others"), BOUNDARIES)
def test_values_exactly_at_their_limit_pass(path: str, value: Any, others: dict[str, Any]) -> None:
    document = changed(path, value)
    for other_path, other_value in others.items():
        document = changed(other_path, other_value, document)
    assert decide(document, POLICY) == Verdict(True, decide(document, POLICY).reasons)


def test_a_gain_is_the_difference_as_exactly_as_its_size_allows() -> None:
    assert not decide(changed("gain.value", 0.02 + 1.5e-6), POLICY).promote
    large = of_kind("rmse", 1000.0, 5000.0, 300)
    policy = policy_of("rmse", 2000.0)
    assert decide(changed("gain.value", 4000.0 + 3e-3, large), policy, "regression").promote
    assert not decide(changed("gain.value", 4000.0 + 5e-3, large), policy, "regression").promote


@pytest.mark.parametrize(
    ("kind", "metric", "labels", "message"),
    [
        ("binary", "auc", 2, "the holdout contains a single class"),
        ("multiclass", "macro_f1", 4, "the holdout contains a single class"),
        ("regression", "r2", 300, "the holdout contains a single value"),
    ],
)
def test_a_holdout_without_differences_is_named_by_its_kind(
    kind: Kind, metric: str, labels: int, message: str
) -> None:
    policy = policy_of(metric, 0.1)
    complete = of_kind(metric, 0.7, 0.6, labels)
    refusal = Verdict(False, [message])
    if kind == "binary":
        assert decide(changed("holdout.positives", 0, complete), policy, kind) == refusal
        return
    for enough in (2, 6000):  # As many as there are labels.
        assert decide(changed("holdout.labels", enough, complete), policy, kind).promote
    for wrong in (1, 6001):
        assert decide(changed("holdout.labels", wrong, complete), policy, kind) == refusal


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        ("challenger.description", "", "the challenger has no description"),
        ("challenger.card", "", "the challenger has no model card"),
        ("owner", "", "the use case has no owner"),
        ("gain.lower", -INFINITY, "the gain 0.02 does not lie in its interval [-inf, 0.03]"),
        (
            "audit.unfinished",
            ["2013-02-01", "2013-02-02", "2013-02-03"],
            f"{ROWS_OF} 2013-02-01, 2013-02-02, 2013-02-03 {NOT_PASSED}",
        ),
        (
            "audit.unfinished",
            ["2013-02-01", "2013-02-02", "2013-02-03", "2013-02-04"],
            f"{ROWS_OF} 2013-02-01, 2013-02-02, 2013-02-03, ... {NOT_PASSED}",
        ),
        (
            "audit.unfinished",
            ["2013-02-01"],
            f"{ROWS_OF} 2013-02-01 {NOT_PASSED}",
        ),
        ("audit", {**COMPLETE_AUDIT, "bronze": 0, "clean": 0}, NOT_AUDITED),
        ("labels.newest_mature", None, UNSHOWN_MATURITY),
        ("labels.newest_mature", "2013-03-06", UNSHOWN_MATURITY),
        (
            "baseline",
            None,
            "the evidence shows no baseline, which is computed from the training rows",
        ),
        ("baseline.name", "", "the baseline has no name"),
        (
            "baseline.judged_on",
            "others",
            "the baseline was judged on rows other than the holdout's",
        ),
        (
            "baseline.learnt",
            49999,
            "the baseline was computed from 49999 rows, the challenger was trained on 50000",
        ),
        (
            "labels.holdout_rows",
            5999,
            "the evidence shows 6000 labels in 5999 rows of the holdout's partitions",
        ),
        (
            "labels.training_rows",
            49999,
            "the evidence shows 50000 labels in 49999 rows of the training partitions",
        ),
        ("holdout.units", {}, f"auc is computed from 0 partitions, {AT_LEAST_5}"),
        (
            "champion.sha256",
            "aa",
            "challenger and champion, version 1, are the same model: their files are identical",
        ),
        (
            "gain.value",
            0.015,
            "the gain 0.015 is not the difference between the two models' auc, 0.020000",
        ),
    ],
)
def test_a_single_fault_gives_a_single_reason_in_full(path: str, value: Any, message: str) -> None:
    assert decide(changed(path, value), POLICY) == Verdict(False, [message])


def test_reasons_are_complete_sentences() -> None:
    without_keys = changed("made", ..., changed("use_case", ...))
    assert decide(without_keys, POLICY) == Verdict(False, [f"{INCOMPLETE}: use_case, made"])
    altered = decide(EVIDENCE, POLICY, evidence="0" * 64)
    reason = "the evidence is not the one that is stored in MLflow: their hashes differ"
    assert altered == Verdict(False, [reason])
    designed = POLICY.model_copy(update={"design_gain": 0.01})
    (reason,) = decide(changed("gain.lower", -0.001), designed).reasons
    gain = "the challenger's gain in auc of +0.0200 (95 % interval -0.0010 to +0.0300)"
    assert reason.startswith(
        f"{gain} over version 1 is not significantly above +0. Detecting a true gain of 0.01"
    )
    (lost,) = decide(changed("slices", [slice_of(rows=500, lower=-0.02)]), SLICED).reasons
    gain = "the challenger's gain in auc of +0.0200 (95 % interval -0.0200 to +0.0300)"
    assert lost == f"where origin is EWR (500 rows), {gain} is not significantly above -0.01"
    assert decide(changed("slices", [slice_of(rows=500)]), SLICED).promote
    without_units = changed("holdout.units", {}, changed("gain.lower", -0.1))
    last = decide(without_units, designed).reasons[-1]
    assert last.endswith("is not significantly above +0"), "from no rows no number follows"


def test_evidence_without_a_champion_is_stale_once_there_is_one() -> None:
    first = changed("champion", None) | {"gain": None}
    assert decide(first, POLICY, champion=3).reasons == [
        "the evidence is stale: it compares the challenger with no champion, "
        "but now version 3 is champion; train again"
    ]


@pytest.mark.parametrize(
    ("floors", "metrics", "message"),
    [
        (
            {"log_loss": 0.9},
            {"log_loss": 0.0},
            "version 2 has log_loss of exactly 0, which means that it is missing",
        ),
        (
            {"calibration_error": 0.1},
            {"calibration_error": -3.0},
            "version 2 has no calibration_error between 0 and 1",
        ),
        ({"f1": 0.5}, {"f1": 45.0}, "version 2 has no f1 between 0 and 1"),
        (
            {"f1": 0.5},
            {"f1": NAN},
            "version 2 has metrics that are not finite numbers: ['f1']",
        ),
    ],
)
def test_a_floor_is_reached_only_by_a_possible_value(
    floors: Any, metrics: dict[str, float], message: str
) -> None:
    document = changed("holdout.units", {"auc": 7, **dict.fromkeys(floors, 7)})
    document["challenger"]["metrics"] |= metrics
    first = {**document, "champion": None, "gain": None}
    policy = Gate(metric="auc", floors={"auc": 0.6, **floors}, min_rows=1000)
    assert message in decide(first, policy, champion=None).reasons


def test_a_group_cannot_be_larger_than_the_holdout() -> None:
    assert decide(changed("slices", [slice_of(rows=6000)]), SLICED).promote
    assert not decide(changed("slices", [slice_of(rows=6001)]), SLICED).promote


def test_what_is_ranked_for_users_is_counted_in_users() -> None:
    complete = of_kind("ndcg_at_10", 0.2, 0.18, 1)
    policy = policy_of("ndcg_at_10", 0.1).model_copy(update={"design_gain": 0.01})
    (reason,) = decide(changed("gain.lower", -0.01, complete), policy, "recommendation").reasons
    assert reason.endswith(" users; there are 60")
    (reason,) = decide(changed("holdout.units", {}, complete), policy, "recommendation").reasons
    assert reason == (
        "ndcg_at_10 is computed from 0 users, expected at least 30 and at most one for each of the "
        "6,000 rows"
    )
    for number, promoted in ((29, False), (30, True)):
        document = changed("holdout.units", {"ndcg_at_10": number}, complete)
        assert decide(document, policy, "recommendation").promote is promoted
