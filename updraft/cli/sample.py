"""The sample makers of the use cases: each is a file of its use case, loaded from there."""

import importlib.util
import inspect
from collections.abc import Callable
from datetime import date
from pathlib import Path

from updraft.core.errors import UpdraftError
from updraft.core.settings import settings
from updraft.core.use_case import UseCase, load_use_case

# What `updraft sample` calls the arguments of a maker.
OPTIONS = {"rows": "--rows", "seed": "--seed", "drift": "--drift", "first": "--start", "last": "--end"}


def lay_sample(name: str, out: Path | None = None, /, **wanted: int | float | date | None) -> int:
    """Lay a use case's sample into ``out``, by default its landing folder; return the number of files.

    ``wanted``: arguments for the maker, by the names in ``OPTIONS``; of those that are None it has defaults.

    Raises:
        UpdraftError: the use case has no maker, or one that does not take what is wanted.
    """
    use_case = load_use_case(name)
    lay = _maker(use_case)
    given = {argument: value for argument, value in wanted.items() if value is not None}
    taken = inspect.signature(lay).parameters
    if refused := [OPTIONS[argument] for argument in given if argument not in taken]:
        options = ", ".join(option for argument, option in OPTIONS.items() if argument in taken)
        raise UpdraftError(f"sample {name}: found {', '.join(refused)}, expected none but {options}, which its maker takes.")
    source = settings().source(name, use_case.data.input)
    if out is None and source != settings().path(use_case.data.input):
        raise UpdraftError(f"{source}: is your own source of {name}, which a sample would overwrite. Name a folder with --out.")
    return lay(out or Path(str(source)), **given)


def _maker(use_case: UseCase) -> Callable[..., int]:
    file = use_case.folder / "sample.py"
    if not file.exists():
        raise UpdraftError(f"{file}: not found. This use case has no sample; lay its raw files into {use_case.data.input}.")
    spec = importlib.util.spec_from_file_location(f"sample_of_{use_case.name}", file)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    lay: Callable[..., int] = module.lay
    return lay
