"""The texts of the registry: complete, the same when written again, and never too long for it."""

from tests.decisions.test_gate import EVIDENCE
from updraft.core.reports import GateReport
from updraft.core.use_case import UseCase
from updraft.decisions.card import LIMIT, champion_card, version_card

TRAINED = "Probability of rain. Trained on days.\n\n- DAG run: none"


def verdict(promote: bool, *reasons: str, champion: int | None = None) -> GateReport:
    return GateReport(use_case="flights", promote=promote, challenger=2, champion=champion, reasons=list(reasons))


def test_without_evidence_the_card_has_a_verdict_and_no_figures() -> None:
    card = version_card(TRAINED, verdict(False, "there is no evidence"), {})
    assert card == f"{TRAINED}\n\n## Verdict: refused\n\n- there is no evidence"


def test_a_second_verdict_takes_the_place_of_the_first() -> None:
    first = version_card(TRAINED, verdict(False, "too few rows", "no gain"), {})
    second = version_card(first, verdict(True, "gain"), {})
    assert "too few rows" not in second
    assert second == version_card(second, verdict(True, "gain"), {}) == version_card(TRAINED, verdict(True, "gain"), {})


def test_a_card_never_exceeds_what_the_registry_keeps(flights: UseCase) -> None:
    long = verdict(True, *["reason " * 300] * 5)
    assert len(version_card(TRAINED, long, {})) == len(champion_card(flights, 2, None, long.reasons, TRAINED)) == LIMIT


def test_the_champion_card_names_the_one_before(flights: UseCase) -> None:
    assert "in place of version 1" in champion_card(flights, 2, 1, ["gain"], TRAINED)
    assert "in place of" not in champion_card(flights, 2, None, ["gain"], TRAINED)


def test_the_card_shows_both_models_on_the_holdout() -> None:
    card = version_card(TRAINED, verdict(True, "gain", champion=1), EVIDENCE)
    for said in (
        "`features` v7, 2013-03-01..2013-03-07: 6,000 rows, 20.0% positive",
        "| metric | version 2 (challenger) | version 1 (champion at that time) |",
        "| auc | 0.7100 | 0.6900 |",
        "| size, MB | 1.5 | 0.1 |",
        "Gain in auc: +0.0200 (95% interval +0.0100 to +0.0300)",
    ):
        assert said in card
