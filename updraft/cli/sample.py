"""Sample data: each use case's ``sample.py`` has a function ``lay`` that writes raw files."""

import inspect
from collections.abc import Callable, Mapping
from datetime import date
from pathlib import Path

from updraft.core.errors import UpdraftError
from updraft.core.files import load_module
from updraft.core.locations import Location
from updraft.core.settings import settings
from updraft.core.use_case import UseCase, load_use_case

# Parameters of ``lay`` and the options of `updraft sample` that set them.
OPTIONS = {
    "rows": "--rows",
    "seed": "--seed",
    "drift": "--drift",
    "first": "--start",
    "last": "--end",
}


def write_sample(
    name: str, out: Path | None = None, /, **options: int | float | date | None
) -> int:
    """Write a use case's sample into ``out``, by default its landing folder.

    ``options``: arguments of the sample maker, by the names in ``OPTIONS``. The maker's defaults
    replace those that are None. Returns the number of files.

    Raises:
        UpdraftError: the use case has no sample maker, or its maker does not take an option.
    """
    use_case = load_use_case(name)
    lay = _sample_maker(use_case)
    arguments = {option: value for option, value in options.items() if value is not None}
    _check_options(name, arguments, inspect.signature(lay).parameters)
    source = settings().source(name, use_case.data.input)
    if out is None and source != settings().path(use_case.data.input):
        raise UpdraftError(
            f"{source}: this is your own source of {name}, and a sample would overwrite it. "
            "Name a folder with --out."
        )
    return lay(out or Location.of(source).local, **arguments)


def _check_options(
    name: str, arguments: dict[str, int | float | date], parameters: Mapping[str, object]
) -> None:
    refused = [OPTIONS[argument] for argument in arguments if argument not in parameters]
    if not refused:
        return
    accepted = [option for argument, option in OPTIONS.items() if argument in parameters]
    raise UpdraftError(
        f"sample {name}: found {', '.join(refused)}, expected none but {', '.join(accepted)}, "
        "which its maker takes."
    )


def _sample_maker(use_case: UseCase) -> Callable[..., int]:
    file = use_case.folder / "sample.py"
    if not file.exists():
        raise UpdraftError(
            f"{file}: not found. This use case has no sample; "
            f"place its raw files in {use_case.data.input}."
        )
    lay: Callable[..., int] = load_module(file, f"sample_of_{use_case.name}").lay
    return lay
