"""The sample makers of the use cases: each is a file of its use case, loaded from there."""

import importlib.util
import inspect
from datetime import date
from pathlib import Path

from updraft.core.errors import UpdraftError
from updraft.core.settings import settings
from updraft.core.use_case import load_use_case


def lay_sample(name: str, out: Path | None, first: date | None, last: date | None, **options: float | None) -> int:
    """Lay a use case's sample into ``out``, by default its landing folder; return the number of partitions.

    ``options``: the sample maker's own, such as ``seed``; those that are None are left to it.
    """
    use_case = load_use_case(name)
    file = use_case.folder / "sample.py"
    if not file.exists():
        raise UpdraftError(f"{file}: not found. This use case has no sample; lay its raw files into {use_case.data.input}.")
    spec = importlib.util.spec_from_file_location(f"sample_of_{name}", file)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    source = settings().source(name, use_case.data.input)
    if out is None and source != settings().path(use_case.data.input):
        raise UpdraftError(f"{source}: is your own source of {name}, which a sample would overwrite. Name a folder with --out.")
    given = {option: value for option, value in options.items() if value is not None}
    if unknown := sorted(set(given) - set(inspect.signature(module.lay).parameters)):
        raise UpdraftError(f"{file}: its lay() knows no {', '.join(unknown)}. Leave out --{', --'.join(unknown)}.")
    return int(module.lay(out or Path(str(source)), first, last, **given))
