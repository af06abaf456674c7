"""Airflow as people see it: a real browser logs in, fills the forms, and follows the links.

Fixtures submit the forms, each after those whose results it needs; tests look at the results.
"""

import json
import shutil
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import SparkSession
from selenium import webdriver
from selenium.common.exceptions import (
    ElementNotInteractableException,
    NoSuchElementException,
    StaleElementReferenceException,
)
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.remote.webdriver import WebDriver
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support import expected_conditions as expected
from selenium.webdriver.support.ui import WebDriverWait

from tests.airflow.conftest import DAG, YESTERDAY, ended_runs, task_states
from tests.conftest import write_flights
from updraft.cli.airflow_api import AirflowApi, Json
from updraft.cli.secrets import local_secrets
from updraft.cli.servers import Servers, home
from updraft.core.schema import FEATURES, PREDICTIONS
from updraft.core.use_case import UseCase
from updraft.data.tables import Table, partitions_of

CHROMIUM = shutil.which("chromium")
DRIVER = shutil.which("chromedriver")
NO_BROWSER = "no browser: install Chromium and its driver (on Debian: chromium chromium-driver)"
SECONDS = 60
RUN_SECONDS = 600
OPTIONS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--lang=en-US",
    "--window-size=1400,1200",
)
pytestmark = [
    pytest.mark.timeout(900),
    pytest.mark.skipif(not (CHROMIUM and DRIVER), reason=NO_BROWSER),
]


Locator = tuple[str, str]  # Selenium's: the strategy, and the selector.
# While the page is still being drawn.
UNSTABLE = (
    NoSuchElementException,
    StaleElementReferenceException,
    ElementNotInteractableException,
)


def css(selector: str) -> Locator:
    return By.CSS_SELECTOR, selector


def text(words: str) -> Locator:
    """The innermost element with this text."""
    has_text = f"normalize-space(.)={json.dumps(words)}"
    return By.XPATH, f"//*[{has_text} and not(*[{has_text}])]"


class Browser:
    """Chromium, logged into Airflow as its administrator.

    Whatever it does, it first waits until that can be done.
    """

    def __init__(self, driver: webdriver.Chrome, servers: Servers) -> None:
        self.driver = driver
        self.servers = servers
        driver.get(servers.airflow)
        self.type(css("[name=username]"), "admin")
        self.type(css("[name=password]"), local_secrets(home())["airflow_password"])
        self.click(css("button[type=submit]"))
        self.see(text("Dags"))

    def wait(self, seconds: int = SECONDS) -> "WebDriverWait[WebDriver]":
        return WebDriverWait(self.driver, seconds, ignored_exceptions=UNSTABLE)

    def see(self, locator: Locator, seconds: int = SECONDS, number: int = 0) -> WebElement:
        """Return one of the elements that are displayed: the first, or that of a number."""

        def displayed(driver: WebDriver) -> WebElement | None:
            elements = driver.find_elements(*locator)
            visible = [element for element in elements if element.is_displayed()]
            return visible[number] if len(visible) > number else None

        element = self.wait(seconds).until(displayed, f"{locator[1]} is not on the page")
        assert element is not None
        return element

    def click(self, locator: Locator, number: int = 0) -> None:
        def clicked(_: WebDriver) -> bool:
            self.see(locator, number=number).click()
            return True

        self.wait().until(clicked, f"{locator[1]} cannot be clicked")

    def type(self, locator: Locator, *keys: str) -> None:
        def typed(_: WebDriver) -> bool:
            self.see(locator).send_keys(*keys)
            return True

        self.wait().until(typed, f"{locator[1]} takes no keys")

    def open(self, path: str) -> None:
        self.driver.get(f"{self.servers.airflow}{path}")

    def open_form(self, dag_id: str) -> None:
        self.open(f"/dags/{dag_id}")
        self.click(css("[data-testid=trigger-dag-button]"))
        self.see(text("Single Run"))

    def pick(self, number: int, day: str) -> None:
        """Fill one of the fields for a day and an hour, each of which opens a small form.

        The hour stays as it is.
        """
        field = css("input[placeholder='YYYY/MM/DD']")
        self.click(css("[data-testid=datetime-input]"), number)
        self.type(field, day)
        self.click(text("Date Range"))
        closed = expected.invisibility_of_element_located(field)
        WebDriverWait(self.driver, SECONDS).until(closed, "the small form stays open")

    def submit(self, dag_id: str) -> str:
        """Send the form of a single run, and wait until the UI shows its success.

        Returns the run's id.
        """
        self.click(css("[data-testid=trigger-dag-submit]"))
        at_a_run = expected.url_contains(f"/dags/{dag_id}/runs/")
        WebDriverWait(self.driver, SECONDS).until(at_a_run, "the UI did not go to the new run")
        run_id = self.driver.current_url.split("/runs/")[1].split("/")[0].split("?")[0]
        # The run's own state stands before those of its tasks.
        states = ("Queued", "Running", "Success", "Failed")
        is_state = " or ".join(f"normalize-space(.)='{state}'" for state in states)
        first_state = f"(//*[({is_state}) and not(*[{is_state}])])[1]"
        self.see((By.XPATH, f"{first_state}[normalize-space(.)='Success']"), RUN_SECONDS)
        return run_id

    def follow(self, dag_id: str, run_id: str, task_id: str, link: str) -> None:
        """Click a task's link, and go to the tab that it opens, if it opens one."""
        self.open(f"/dags/{dag_id}/runs/{run_id}/tasks/{task_id}/details")
        url = self.driver.current_url
        tabs = set(self.driver.window_handles)
        self.click((By.LINK_TEXT, link))

        def has_led(driver: WebDriver) -> bool:
            return driver.current_url != url or set(driver.window_handles) != tabs

        WebDriverWait(self.driver, SECONDS).until(has_led, f"{link!r} leads nowhere")
        for tab in set(self.driver.window_handles) - tabs:
            self.driver.switch_to.window(tab)

    def first_tab(self) -> None:
        self.driver.switch_to.window(self.driver.window_handles[0])


@pytest.fixture(scope="module")
def logged_in(running: Servers, api: AirflowApi, root: Path) -> Iterator[Browser]:
    write_flights(root, "2013-01-15", "2013-01-18")
    for dag_id in (DAG, "flights_training"):
        api.pause(dag_id, False)
    api.pause("flights_monitoring", True)  # Until its own test: new features would start it.
    ended_runs(api, DAG, 1)  # The scheduler's own, for yesterday.
    options = webdriver.ChromeOptions()
    options.binary_location = str(CHROMIUM)
    for argument in OPTIONS:
        options.add_argument(argument)
    driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(DRIVER))
    try:
        yield Browser(driver, running)
    finally:
        driver.quit()


@pytest.fixture
def browser(
    logged_in: Browser, request: pytest.FixtureRequest, tmp_path: Path
) -> Iterator[Browser]:
    """The browser; if a test fails, a screenshot is saved in the test's folder."""
    failed = request.session.testsfailed
    yield logged_in
    if request.session.testsfailed > failed:
        logged_in.driver.save_screenshot(str(tmp_path / "failed.png"))
        print(f"What the browser showed: {tmp_path / 'failed.png'}")
    logged_in.first_tab()


def report_of(root: Path, dag_id: str, run_id: str, job: str) -> Any:
    return json.loads((root / "reports" / dag_id / run_id / f"{job}.json").read_text())


@pytest.fixture(scope="module")
def range_run(logged_in: Browser) -> str:
    """The id of a run of three days, from the list of DAGs on."""
    logged_in.open("/dags")
    logged_in.click(text("Flights that land late: data"))
    logged_in.click(css("[data-testid=trigger-dag-button]"))
    logged_in.see(text("First day"))
    logged_in.type(css("#element_start"), "01152013")
    logged_in.type(css("#element_end"), "01172013")
    return logged_in.submit(DAG)


def test_a_range_from_the_form_ends_green_and_leads_to_its_data_docs(
    browser: Browser, range_run: str, api: AirflowApi, spark: SparkSession, flights: UseCase
) -> None:
    assert api.run(DAG, range_run)["conf"] == {"start": "2013-01-15", "end": "2013-01-17"}
    days = {date(2013, 1, day) for day in (15, 16, 17)}
    assert days <= set(partitions_of(Table(flights, FEATURES).read(spark)))
    browser.open(f"/dags/{DAG}/runs/{range_run}")
    browser.see(text("Check the rows"))
    browser.follow(DAG, range_run, "validate", "Data Docs")
    browser.see(text("Flights that land late: the rows of 2013-01-15..2013-01-17"))
    browser.see(text("sched_dep_time"))


@pytest.fixture(scope="module")
def backfill_runs(logged_in: Browser, range_run: str, api: AirflowApi) -> list[Json]:
    """The runs of a backfill of two days, ended."""
    before = {run["dag_run_id"] for run in api.runs(DAG, run_type="backfill")}
    logged_in.open_form(DAG)
    logged_in.click(text("Backfill"))
    logged_in.pick(0, "2013/01/17")
    logged_in.pick(1, "2013/01/18")
    logged_in.click(text("All Runs"))
    logged_in.click(text("Run Backfill"))
    runs = ended_runs(api, DAG, len(before) + 2, run_type="backfill")
    return [run for run in runs if run["dag_run_id"] not in before]


def test_a_backfill_starts_from_the_form(
    browser: Browser, backfill_runs: list[Json], api: AirflowApi
) -> None:
    states = {run["logical_date"][:10]: run["state"] for run in backfill_runs}
    assert states == {"2013-01-17": "success", "2013-01-18": "success"}
    for run in backfill_runs:
        assert task_states(api, run) == {
            **dict.fromkeys(("ingest", "validate", "features"), "success"),
            "announce": "skipped",
        }


@pytest.fixture(scope="module")
def training_run(logged_in: Browser, backfill_runs: list[Json]) -> str:
    """The id of a training on all days until yesterday, with a search of its own."""
    logged_in.open_form("flights_training")
    logged_in.type(css("#element_end"), f"{YESTERDAY:%m%d%Y}")
    logged_in.click(text("Search, for this run alone"))
    logged_in.type(css("input[name=element_trials]"), Keys.BACKSPACE, "2")
    return logged_in.submit("flights_training")


@pytest.mark.faults  # Minutes long.
def test_a_training_from_the_form_leads_to_its_mlflow_run(
    browser: Browser, training_run: str, api: AirflowApi, root: Path
) -> None:
    conf = api.run("flights_training", training_run)["conf"]
    assert (conf["end"], conf["trials"], conf["method"]) == (str(YESTERDAY), 2, "random")
    report = report_of(root, "flights_training", training_run, "search_and_fit")
    assert (report["train_last"], report["holdout_last"]) == ("2013-01-18", str(YESTERDAY))
    assert report["trials"] == 4
    password = local_secrets(home())["mlflow_password"]
    # A browser asks for the password only once.
    browser.driver.get(browser.servers.mlflow.replace("://", f"://admin:{password}@"))
    browser.follow("flights_training", training_run, "search_and_fit", "MLflow run")
    first = date.fromisoformat(report["train_first"])
    partitions = (date(2013, 1, 18) - first).days + 1
    browser.see(text(f"trained on {partitions} partitions, {first} to 2013-01-18"))
    assert report["run_id"] in browser.driver.current_url


@pytest.fixture(scope="module")
def monitoring_run(logged_in: Browser, training_run: str, api: AirflowApi) -> str:
    """The id of a run of monitoring on the newest day, with the champion of the training."""
    api.pause("flights_training", True)  # A retraining may be started, but is not waited for.
    api.pause("flights_monitoring", False)
    logged_in.open_form("flights_monitoring")
    logged_in.type(css("input[name=element_window]"), Keys.BACKSPACE, "1")
    return logged_in.submit("flights_monitoring")


@pytest.mark.faults  # It needs the champion of the training.
def test_a_monitoring_from_the_form_leads_to_its_drift_report(
    browser: Browser, monitoring_run: str, root: Path
) -> None:
    report = report_of(root, "flights_monitoring", monitoring_run, "drift")
    assert report["first"] == report["last"] == str(YESTERDAY)
    browser.follow("flights_monitoring", monitoring_run, "drift", "Drift report")
    browser.see(text("Data Drift Summary"))


@pytest.mark.faults  # It needs the champion of the training.
def test_a_rollback_from_the_form_scores_the_newest_and_the_scoring_any_day(
    browser: Browser,
    training_run: str,
    api: AirflowApi,
    root: Path,
    spark: SparkSession,
    flights: UseCase,
) -> None:
    """There is one champion, so that it stays; rows are scored again all the same."""
    for dag_id in ("flights_rollback", "flights_scoring"):
        api.pause(dag_id, False)
    browser.open_form("flights_rollback")
    browser.type(css("input[name=element_to]"), "1")
    browser.type(css("#element_reason"), "a complaint")
    run_id = browser.submit("flights_rollback")
    done = report_of(root, "flights_rollback", run_id, "rollback")
    assert (done["champion"], done["previous"], done["outcome"]) == (1, 1, "done")
    newest = report_of(root, "flights_rollback", run_id, "score")
    assert (newest["champion"], newest["last"]) == (1, str(YESTERDAY))
    browser.open_form("flights_scoring")
    browser.type(css("#element_start"), "01162013")
    browser.type(css("#element_end"), "01162013")
    run_id = browser.submit("flights_scoring")
    scored = report_of(root, "flights_scoring", run_id, "score")
    assert (scored["champion"], scored["first"], scored["last"]) == (1, "2013-01-16", "2013-01-16")
    predictions = Table(flights, PREDICTIONS).read(spark)
    day = predictions.where("event_date = DATE'2013-01-16'")
    assert day.count() == scored["rows"] > 500
    entries = day.select("ledger_entry").distinct().collect()
    assert [row.ledger_entry for row in entries] == [scored["entry"]]


@pytest.mark.usefixtures("range_run")  # It has written Data Docs.
def test_the_menu_lists_the_reports_and_opens_them(browser: Browser) -> None:
    browser.open("/dags")
    browser.click(text("Reports"))
    browser.driver.switch_to.frame(browser.see(css("iframe")))
    browser.click(text("Data Docs"))
    browser.see(text("Overview"))
    browser.driver.switch_to.default_content()
    assert "/plugin/reports" in browser.driver.current_url
