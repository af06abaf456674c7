"""Local copies of registered models, which are what training has registered or are not used.

Who may edit an experiment in MLflow may also change a model's files and tags there. MLflow runs
the loader and the code that a model's folder names. So nothing of a folder is used before its
files have the hashes of the ledger, and a folder with a loader or code is refused in any case.
"""

import atexit
import hashlib
import shutil
import tempfile
from functools import cache
from pathlib import Path

import mlflow
import yaml
from mlflow.exceptions import MlflowException

from updraft.core.errors import UpdraftError
from updraft.core.manifest import MODEL, Manifest

# What training writes. MLflow's own loader of ONNX models runs no code of the folder.
FILES = {
    "MLmodel",
    MODEL,
    "conda.yaml",
    "python_env.yaml",
    "requirements.txt",
    "input_example.json",
    "serving_input_example.json",
}
LOADER = "mlflow.onnx"
FLAVORS = {"python_function", "onnx"}
# MLflow adds this file to what it downloads of a registered model.
DOWNLOAD_NOTE = "registered_model_meta"


def file_hashes(uri: str) -> dict[str, str]:
    """The SHA-256 of each file of a model as MLflow has it now, by its path in the folder.

    Raises:
        UpdraftError: its folder holds what training does not write.
    """
    return _hashes(_downloaded(uri), uri)


def verified_folder(uri: str, facts: dict[str, str], approved: Manifest) -> Path:
    """A local copy of a model's folder, which lasts as long as this process.

    Raises:
        UpdraftError: its files or ``facts``, the tags of the version, are not the approved ones.
    """
    folder = _downloaded(uri)
    differences = approved.differences(Manifest(files=_hashes(folder, uri), facts=facts))
    if differences:
        name = uri.split("/")[1]
        raise UpdraftError(
            f"{uri}: it is not the model that training has registered: {'; '.join(differences)}. "
            "Nothing of it was used. Find out who has changed it in MLflow. Then roll back to "
            f"another version (`updraft rollback {name}`), or train again."
        )
    return folder


@cache
def _downloaded(uri: str) -> Path:
    folder = Path(tempfile.mkdtemp(prefix="updraft-model-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    try:
        mlflow.artifacts.download_artifacts(artifact_uri=uri, dst_path=str(folder))
    except (MlflowException, OSError) as error:
        raise UpdraftError(
            f"{uri}: its files cannot be loaded from MLflow: {error}\nNothing of it was used. If "
            "MLflow does not answer, clear this task once it does; else find out who has changed "
            "the files there."
        ) from None
    note = folder / DOWNLOAD_NOTE
    if note.is_file():
        note.unlink()
    return folder


def _hashes(folder: Path, uri: str) -> dict[str, str]:
    """The SHA-256 of each file of a model's folder.

    Raises:
        UpdraftError: it holds what training does not write.
    """
    hashes = {}
    problems = []
    for path in sorted(folder.rglob("*")):
        name = str(path.relative_to(folder))
        if path.is_symlink() or name not in FILES or not path.is_file():
            problems.append(f"found {name}")
        else:
            hashes[name] = hashlib.sha256(path.read_bytes()).hexdigest()
    if "MLmodel" in hashes:
        problems += _problems_of_loader(folder / "MLmodel")
    if problems:
        raise UpdraftError(
            f"{uri}: {'; '.join(problems)}; expected the files of an ONNX model as training writes "
            f"them, and the loader {LOADER} without code. Nothing of it was used. Find out who has "
            "changed it in MLflow, and train again."
        )
    return hashes


def _problems_of_loader(file: Path) -> list[str]:
    try:
        document = yaml.safe_load(file.read_bytes())
    except yaml.YAMLError:
        return ["found an MLmodel that is no YAML"]
    flavors = document.get("flavors") if isinstance(document, dict) else None
    if not isinstance(flavors, dict) or not all(
        isinstance(each, dict) for each in flavors.values()
    ):
        return ["found an MLmodel without flavors"]
    problems = [f"found flavor {name}" for name in sorted(set(flavors) - FLAVORS)]
    loader = flavors.get("python_function", {}).get("loader_module")
    if loader != LOADER:
        problems.append(f"found loader {loader}")
    for name, flavor in flavors.items():
        if flavor.get("code"):
            problems.append(f"found code in flavor {name}")
    return problems
