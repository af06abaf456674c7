"""Data Docs: the results of Great Expectations (GX) as one page for people, without remote parts.

GX's own page loads styles and scripts from five places on the internet. Ours, templates/page.html,
uses GX's renderers, loads nothing and allows no script to run.
"""

from collections.abc import Sequence
from html import escape
from itertools import groupby
from pathlib import Path
from typing import Any

from jinja2 import pass_context
from upath import UPath

from updraft.core.files import write_atomically
from updraft.core.schema import BRONZE
from updraft.quality.suites import CheckedExpectation

TEMPLATES = Path(__file__).parent / "templates"


def write_docs(title: str, checked: Sequence[CheckedExpectation], path: UPath) -> None:
    """Write one page about all checked expectations, suite by suite."""
    from great_expectations.render.renderer.page_renderer import ValidationResultsPageRenderer

    renderer = ValidationResultsPageRenderer(run_info_at_end=True)
    suites = []
    for name, expectations in groupby(checked, lambda expectation: expectation.suite):
        document = renderer.render(_suite_result(name, list(expectations))).to_json_dict()
        # The last section is about GX's version and the run's name, which it does not know.
        suites.append(document["sections"][:-1])
    template = _view().env.get_template("page.html")
    write_atomically(path, template.render(title=title, suites=suites))


def _suite_result(suite: str, checked: Sequence[CheckedExpectation]) -> Any:
    """GX's validation result of one suite, put together from those of its expectations."""
    from great_expectations.core import ExpectationSuiteValidationResult

    successful = sum(expectation.outcome.success for expectation in checked)
    statistics = {
        "evaluated_expectations": len(checked),
        "successful_expectations": successful,
        "unsuccessful_expectations": len(checked) - successful,
        "success_percent": 100 * successful / len(checked),
    }
    return ExpectationSuiteValidationResult(
        success=successful == len(checked),
        results=[_with_failing_share(expectation.result) for expectation in checked],
        suite_name=suite,
        suite_parameters={},
        statistics=statistics,
        meta={"batch_spec": {"data_asset_name": BRONZE}},
    )


def _with_failing_share(result: Any) -> Any:
    """Add 0 % failing rows to an expectation that every row meets.

    Successful expectations were asked only for yes or no, so GX would call their share unknown.
    """
    from great_expectations.expectations.expectation import ColumnMapExpectation

    config = result.expectation_config
    holds_for_every_row = result.success and config.kwargs.get("mostly", 1) == 1
    if holds_for_every_row and isinstance(config.to_domain_obj(), ColumnMapExpectation):
        result.result["unexpected_percent"] = 0.0
    return result


def _view() -> Any:
    """GX's view of a document, with our page around its sections."""
    from great_expectations.render.view.view import DefaultJinjaPageView
    from jinja2 import ChoiceLoader, FileSystemLoader

    view = DefaultJinjaPageView()
    assert view.env.loader
    view.env.loader = ChoiceLoader([FileSystemLoader(TEMPLATES), view.env.loader])
    render = view.env.filters["render_content_block"]

    @pass_context
    def render_escaped(context: Any, block: Any, *arguments: Any, **options: Any) -> Any:
        return render(context, _escaped(block), *arguments, **options)

    view.env.filters["render_content_block"] = render_escaped
    return view


def _escaped(block: Any) -> Any:
    """Escape plain text, which comes from the data or the suite; GX's view takes it for HTML."""
    if isinstance(block, str):
        return escape(block)
    if isinstance(block, list):
        return [escape(item) if isinstance(item, str) else item for item in block]
    return block
