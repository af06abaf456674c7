"""The descriptions in the registry: complete, idempotent, and never too long for it."""

from datetime import UTC, datetime

from tests.decisions.test_gate import EVIDENCE
from updraft.core.ledger import Entry
from updraft.core.manifest import MODEL, Manifest
from updraft.core.reports import GateReport
from updraft.core.use_case import UseCase
from updraft.decisions.card import LIMIT, champion_card, version_card

TRAINED = "Probability of rain. Trained on days.\n\n- DAG run: none"


def verdict(promote: bool, *reasons: str, champion: int | None = None) -> GateReport:
    return GateReport(
        use_case="flights",
        promote=promote,
        challenger=2,
        champion=champion,
        reasons=list(reasons),
    )


def promotion(before: int | None, *reasons: str) -> Entry:
    """The ledger's entry by which version 2 took the place of version ``before``."""
    return Entry(
        number=1,
        key="k",
        time=datetime(2013, 3, 8, tzinfo=UTC),
        event="promoted",
        version=2,
        from_version=before,
        to_version=2,
        by="run",
        reasons=list(reasons),
        evidence=None,
        run_id=None,
        features_version=None,
        code="code",
    )


def test_without_evidence_the_card_has_a_verdict_and_no_metrics() -> None:
    card = version_card(TRAINED, verdict(False, "there is no evidence"), {})
    assert card == f"{TRAINED}\n\n## Verdict: refused\n\n- there is no evidence"


def test_a_second_verdict_takes_the_place_of_the_first() -> None:
    first = version_card(TRAINED, verdict(False, "too few rows", "no gain"), {})
    second = version_card(first, verdict(True, "gain"), {})
    assert "too few rows" not in second
    assert second == version_card(second, verdict(True, "gain"), {})
    assert second == version_card(TRAINED, verdict(True, "gain"), {})


def test_a_card_never_exceeds_what_the_registry_keeps(flights: UseCase) -> None:
    long = ["reason " * 300] * 5
    assert len(version_card(TRAINED, verdict(True, *long), {})) == LIMIT
    assert len(champion_card(flights, [promotion(None, *long)], TRAINED)) == LIMIT


def test_the_champion_card_names_the_one_before_and_why(flights: UseCase) -> None:
    first = promotion(None, "floors")
    assert "in place of" not in champion_card(flights, [first], TRAINED)
    second = promotion(1, "gain")
    page = "[version 2](#/models/flights/versions/2)"
    expected = f"## Champion: {page} in place of version 1\n\n- gain\n\nProbability of rain."
    assert expected in champion_card(flights, [first, second], TRAINED)
    rollback = second._replace(
        event="rolled back", version=1, from_version=2, to_version=None, reasons=["complaints"]
    )
    expected = "## Champion: none in place of version 2\n\n- rolled back: complaints"
    assert expected in champion_card(flights, [first, second, rollback], "")


def test_the_champion_card_lists_what_is_held_and_barred(flights: UseCase) -> None:
    manifest = Manifest(files={MODEL: "0123456789abcdef"}, facts={})
    trained = promotion(1)._replace(event="trained", model=manifest.model_dump_json())
    promoted = promotion(1, "gain")
    assert "Restrictions" not in champion_card(flights, [trained, promoted], TRAINED)
    rollback = promoted._replace(
        event="rolled back", version=1, from_version=2, to_version=1, reasons=["bad"], holds=True
    )
    done = "the rollback from version 2 to version 1 at 2013-03-08 00:00 UTC by run (bad)"
    bar = f"- The model file 0123456789ab is barred by {done}."
    hold = (
        f"- All promotions are held by {done}. To release them: `updraft release flights`, or the "
        "DAG flights_release."
    )
    entries = [trained, promoted, rollback]
    card = champion_card(flights, entries, TRAINED)
    assert card.endswith(f"Trained on days.\n\n## Restrictions\n\n{hold}\n{bar}")
    released = [*entries, rollback._replace(event="released", holds=None)]
    card = champion_card(flights, released, TRAINED)
    assert card.endswith(f"Trained on days.\n\n## Restrictions\n\n{bar}")


def test_the_card_shows_both_models_on_the_holdout() -> None:
    card = version_card(TRAINED, verdict(True, "gain", champion=1), EVIDENCE)
    for text in (
        "`features` v7, 2013-03-01..2013-03-07: 6,000 rows, 20.0% positive",
        "| metric | version 2 (challenger) | version 1 (champion at that time) | baseline |",
        "| algorithm | lightgbm | logistic_regression | always no |",
        "| auc | 0.7100 | 0.6900 | 0.5000 |",
        "| size, MB | 1.5 | 0.1 |  |",
        "Gain in auc: +0.0200 (95 % interval +0.0100 to +0.0300)",
    ):
        assert text in card
