"""Data Docs: what Great Expectations has found, as one page for people. GX's own renderers, without its remote parts."""

from collections.abc import Sequence
from html import escape
from itertools import groupby
from typing import Any

from jinja2 import pass_context
from upath import UPath

from updraft.core.reports import write_whole
from updraft.quality.suites import Checked

# GX's own page loads styles and scripts from five places on the internet. This one needs none, and allows none to run.
PAGE = """<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>{{ title }}</title>
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<style>
:root { color-scheme: light dark; }
body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; padding: 0 2rem; max-width: 75rem; }
table { border-collapse: collapse; width: 100%; margin: .5rem 0 1.5rem; }
th, td { text-align: left; vertical-align: top; padding: .35rem 1rem .35rem 0; overflow-wrap: anywhere; }
tr { border-bottom: 1px solid color-mix(in srgb, currentcolor 20%, transparent); }
h5 { font-size: 1.2rem; margin: 1.5rem 0 0; } h6 { font-size: 1rem; margin: .5rem 0; }
a { color: inherit; pointer-events: none; text-decoration: none; } /* They lead to pages of a whole site. */
 p { margin: .3rem 0; } table table { margin: 0; }
.badge { padding: 0 .4rem; border-radius: .3rem; background: color-mix(in srgb, currentcolor 12%, transparent); }
.fa-check-circle::before { content: "\\2713"; color: light-dark(#18794e, #4cc38a); font-weight: bold; }
.fa-times::before, .fa-exclamation-triangle::before { content: "\\2717"; color: light-dark(#cd2b31, #ff6369); }
</style></head>
<body><h1>{{ title }}</h1>
{% for sections in suites %}
{% for section in sections %}{% set section_loop = loop %}{% include 'section.j2' %}{% endfor %}
{% endfor %}
</body></html>
"""


def write_docs(title: str, checked: Sequence[Checked], path: UPath) -> None:
    """Write one page about all that was checked, suite by suite."""
    from great_expectations.render.renderer.page_renderer import ValidationResultsPageRenderer

    renderer = ValidationResultsPageRenderer(run_info_at_end=True)
    suites = {name: list(found) for name, found in groupby(checked, lambda one: one.suite)}
    # The last section is about GX's version and the run's name, which it does not know.
    documents = [renderer.render(_result(name, found)).to_json_dict()["sections"][:-1] for name, found in suites.items()]
    write_whole(path, _view().env.get_template("page.html").render(title=title, suites=documents))


def _result(suite: str, checked: Sequence[Checked]) -> Any:
    """GX's validation result of one suite, put together from those of its expectations."""
    from great_expectations.core import ExpectationSuiteValidationResult

    good = sum(one.outcome.success for one in checked)
    statistics = {
        "evaluated_expectations": len(checked),
        "successful_expectations": good,
        "unsuccessful_expectations": len(checked) - good,
        "success_percent": 100 * good / len(checked),
    }
    return ExpectationSuiteValidationResult(
        success=good == len(checked),
        results=[_with_share(one.result) for one in checked],
        suite_name=suite,
        suite_parameters={},
        statistics=statistics,
        meta={"batch_spec": {"data_asset_name": "bronze"}},
    )


def _with_share(result: Any) -> Any:
    """Of an expectation that holds only yes or no was asked; where it is about single rows, that means of all of them."""
    from great_expectations.expectations.expectation import ColumnMapExpectation

    every_row = result.expectation_config.kwargs.get("mostly", 1) == 1
    if result.success and every_row and isinstance(result.expectation_config.to_domain_obj(), ColumnMapExpectation):
        result.result["unexpected_percent"] = 0.0
    return result


def _view() -> Any:
    """GX's view of a document, with our page around its sections."""
    from great_expectations.render.view.view import DefaultJinjaPageView
    from jinja2 import ChoiceLoader, DictLoader

    view = DefaultJinjaPageView()
    assert view.env.loader
    view.env.loader = ChoiceLoader([DictLoader({"page.html": PAGE}), view.env.loader])
    render = view.env.filters["render_content_block"]

    @pass_context
    def escaping(context: Any, block: Any, *arguments: Any, **more: Any) -> Any:
        return render(context, _escaped(block), *arguments, **more)

    view.env.filters["render_content_block"] = escaping
    return view


def _escaped(block: Any) -> Any:
    """A plain text in a document comes from the data or the suite; GX's view would take it for HTML."""
    if isinstance(block, str):
        return escape(block)
    return [_escaped(one) if isinstance(one, str) else one for one in block] if isinstance(block, list) else block
