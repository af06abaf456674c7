"""The gate's verdict as tags of a registered version: their one writer and one reader."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

from mlflow.tracking import MlflowClient

from updraft.core.registry import COMPARED, REASONS, VERDICT
from updraft.core.reports import GateReport

APPROVED = "approved"
REFUSED = "refused"
PROMOTED = "promoted"
UNDECIDED = "none"


@dataclass(frozen=True)
class VerdictTags:
    """What the gate decided about a version.

    Attributes:
        verdict: APPROVED, REFUSED, PROMOTED or, before the gate has decided, UNDECIDED.
        reasons: Why, one sentence each.
        champion: The version that it was compared with; None for the first of a use case.
    """

    verdict: str
    reasons: list[str]
    champion: int | None

    @classmethod
    def of(cls, report: GateReport) -> Self:
        """Take the verdict from the gate's report."""
        return cls(APPROVED if report.promote else REFUSED, report.reasons, report.champion)

    @classmethod
    def read(cls, tags: Mapping[str, str]) -> Self:
        """Read the tags of any version, judged or not."""
        compared = tags.get(COMPARED, "none")
        return cls(
            verdict=tags.get(VERDICT, UNDECIDED),
            reasons=tags.get(REASONS, "").splitlines(),
            champion=None if compared == "none" else int(compared),
        )

    def write(self, client: MlflowClient, model: str, version: int) -> None:
        """Write the tags on a version of a registered model."""
        tags = {
            VERDICT: self.verdict,
            REASONS: "\n".join(self.reasons),
            COMPARED: "none" if self.champion is None else str(self.champion),
        }
        for name, value in tags.items():
            client.set_model_version_tag(model, str(version), name, value)


def tag_promoted(client: MlflowClient, model: str, version: int) -> None:
    """Note that an approved version has become champion; reasons and comparison stay."""
    client.set_model_version_tag(model, str(version), VERDICT, PROMOTED)
