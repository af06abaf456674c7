"""What a model is: the hashes of its files, and the facts by which its answers are used."""

from pydantic import BaseModel, ConfigDict

MODEL = "model.onnx"  # The file of a model that computes its answers.


class Manifest(BaseModel):
    """A model as training has registered it; the ledger keeps it.

    Attributes:
        files: The SHA-256 of each file in the model's folder, by its path there.
        facts: What the tags of the version say: threshold, classes, training rows and so on.
        documents: The hashes of other documents of its training that decide anything later.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    files: dict[str, str]
    facts: dict[str, str]
    documents: dict[str, str] = {}

    def differences(self, other: "Manifest") -> list[str]:
        """Return what another manifest has otherwise, one sentence each."""
        return [
            *_differences("file", self.files, other.files),
            *_differences("tag", self.facts, other.facts),
        ]


def _differences(kind: str, ours: dict[str, str], others: dict[str, str]) -> list[str]:
    sentences = []
    for name in sorted({*ours, *others}):
        if name not in others:
            sentences.append(f"{kind} {name} is missing")
        elif name not in ours:
            sentences.append(f"{kind} {name} was added")
        elif ours[name] != others[name]:
            change = "was changed" if kind == "file" else f"is {others[name]}, was {ours[name]}"
            sentences.append(f"{kind} {name} {change}")
    return sentences
