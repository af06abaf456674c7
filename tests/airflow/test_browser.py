"""Airflow as people see it: a real browser logs in, fills the forms, and follows the links."""

import json
import shutil
from collections.abc import Iterator
from datetime import date
from pathlib import Path

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

from tests.airflow.conftest import DAG, YESTERDAY, ended, states
from tests.conftest import lay
from updraft.cli.airflow_api import AirflowApi
from updraft.cli.secrets import local_secrets
from updraft.cli.servers import Servers, home
from updraft.data import tables

CHROMIUM, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")
SECONDS, RUN_SECONDS = 60, 600
OPTIONS = "--headless=new --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking"
pytestmark = [
    pytest.mark.timeout(900),
    pytest.mark.skipif(
        not (CHROMIUM and DRIVER), reason="no browser: install Chromium and its driver (on Debian: chromium chromium-driver)"
    ),
]


Place = tuple[str, str]  # How to find an element, and which.
MOVING = (NoSuchElementException, StaleElementReferenceException, ElementNotInteractableException)  # The page is still drawn.


def css(selector: str) -> Place:
    return By.CSS_SELECTOR, selector


def text(words: str) -> Place:
    """The innermost element with this text."""
    said = f"normalize-space(.)={json.dumps(words)}"
    return By.XPATH, f"//*[{said} and not(*[{said}])]"


class Browser:
    """Chromium, logged into Airflow as its administrator. Whatever it does, it first waits until that can be done."""

    def __init__(self, driver: webdriver.Chrome, servers: Servers) -> None:
        self.driver, self.servers = driver, servers
        driver.get(servers.airflow)
        self.type(css("[name=username]"), "admin")
        self.type(css("[name=password]"), local_secrets(home())["airflow_password"])
        self.click(css("button[type=submit]"))
        self.see(text("Dags"))

    def see(self, place: Place, seconds: int = SECONDS, number: int = 0) -> WebElement:
        """The first, or another one, of the elements that are shown there."""

        def shown(driver: WebDriver) -> WebElement | None:
            found = [one for one in driver.find_elements(*place) if one.is_displayed()]
            return found[number] if len(found) > number else None

        waiting = WebDriverWait(self.driver, seconds, ignored_exceptions=MOVING)
        return waiting.until(shown, f"{place[1]} is not there")  # type: ignore[return-value]

    def click(self, place: Place, number: int = 0) -> None:
        def clicked(_: WebDriver) -> bool:
            self.see(place, number=number).click()
            return True

        WebDriverWait(self.driver, SECONDS, ignored_exceptions=MOVING).until(clicked, f"{place[1]} cannot be pressed")

    def type(self, place: Place, *keys: str) -> None:
        def typed(_: WebDriver) -> bool:
            self.see(place).send_keys(*keys)
            return True

        WebDriverWait(self.driver, SECONDS, ignored_exceptions=MOVING).until(typed, f"{place[1]} takes no keys")

    def open(self, path: str) -> None:
        self.driver.get(f"{self.servers.airflow}{path}")

    def open_form(self, dag_id: str) -> None:
        self.open(f"/dags/{dag_id}")
        self.click(css("[data-testid=trigger-dag-button]"))
        self.see(text("Single Run"))

    def pick(self, number: int, day: str) -> None:
        """Fill one of the fields for a day and an hour: each opens a small form of its own. The hour stays as it is."""
        field = css("input[placeholder='YYYY/MM/DD']")
        self.click(css("[data-testid=datetime-input]"), number)
        self.type(field, day)
        self.click(text("Date Range"))
        WebDriverWait(self.driver, SECONDS).until(expected.invisibility_of_element_located(field), "the small form stays open")

    def submit(self, dag_id: str) -> str:
        """Send the form of a single run, wait until the UI shows it as ended well; the run's id."""
        self.click(css("[data-testid=trigger-dag-submit]"))
        shown = expected.url_contains(f"/dags/{dag_id}/runs/")
        WebDriverWait(self.driver, SECONDS).until(shown, "the UI did not go to the new run")
        run_id = self.driver.current_url.split("/runs/")[1].split("/")[0].split("?")[0]
        # The run's own state stands before those of its tasks.
        states = " or ".join(f"normalize-space(.)='{state}'" for state in ("Queued", "Running", "Success", "Failed"))
        self.see((By.XPATH, f"(//*[({states}) and not(*[{states}])])[1][normalize-space(.)='Success']"), RUN_SECONDS)
        return run_id

    def follow(self, dag_id: str, run_id: str, task_id: str, link: str) -> None:
        """Press a task's link, and go to the tab that it opens, if it opens one."""
        self.open(f"/dags/{dag_id}/runs/{run_id}/tasks/{task_id}/details")
        before, tabs = self.driver.current_url, set(self.driver.window_handles)
        self.click((By.LINK_TEXT, link))

        def led(driver: WebDriver) -> bool:
            return driver.current_url != before or set(driver.window_handles) != tabs

        WebDriverWait(self.driver, SECONDS).until(led, f"{link!r} leads nowhere")
        for tab in set(self.driver.window_handles) - tabs:
            self.driver.switch_to.window(tab)


@pytest.fixture(scope="module")
def logged_in(running: Servers, api: AirflowApi, root: Path) -> Iterator[Browser]:
    lay(root, "2013-01-15", "2013-01-18")
    for dag_id in (DAG, "flights_training"):
        api.pause(dag_id, False)
    api.pause("flights_monitoring", True)  # Until its own test: new features would start it.
    options = webdriver.ChromeOptions()
    options.binary_location = str(CHROMIUM)
    for argument in (*OPTIONS.split(), "--lang=en-US", "--window-size=1400,1200"):
        options.add_argument(argument)
    driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(DRIVER))
    try:
        yield Browser(driver, running)
    finally:
        driver.quit()


@pytest.fixture
def browser(logged_in: Browser, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Browser]:
    """The browser; what it shows when a test fails is kept as a picture in the test's folder."""
    failed = request.session.testsfailed
    yield logged_in
    if request.session.testsfailed > failed:
        logged_in.driver.save_screenshot(str(tmp_path / "failed.png"))
        print(f"What the browser showed: {tmp_path / 'failed.png'}")
    logged_in.driver.switch_to.window(logged_in.driver.window_handles[0])


def test_a_range_from_the_form_ends_green_and_leads_to_its_data_docs(
    browser: Browser, api: AirflowApi, spark: SparkSession
) -> None:
    browser.open("/dags")
    browser.click(text("Flights that land late: data"))
    browser.click(css("[data-testid=trigger-dag-button]"))
    browser.see(text("First day"))
    browser.type(css("#element_start"), "01152013")
    browser.type(css("#element_end"), "01172013")
    run_id = browser.submit(DAG)

    assert api.run(DAG, run_id)["conf"] == {"start": "2013-01-15", "end": "2013-01-17"}
    wanted = {date(2013, 1, day) for day in (15, 16, 17)}
    assert wanted <= set(tables.partitions(tables.read(spark, "flights", "features")))
    browser.see(text("Check the rows"))
    browser.follow(DAG, run_id, "validate", "Data Docs")
    browser.see(text("Flights that land late: the rows of 2013-01-15..2013-01-17"))
    browser.see(text("sched_dep_time"))


def test_a_backfill_starts_from_the_form(browser: Browser, api: AirflowApi) -> None:
    before = {run["dag_run_id"] for run in api.runs(DAG, run_type="backfill")}
    browser.open_form(DAG)
    browser.click(text("Backfill"))
    browser.pick(0, "2013/01/17")
    browser.pick(1, "2013/01/18")
    browser.click(text("All Runs"))
    browser.click(text("Run Backfill"))
    runs = [run for run in ended(api, DAG, len(before) + 2, run_type="backfill") if run["dag_run_id"] not in before]
    assert {run["logical_date"][:10]: run["state"] for run in runs} == {"2013-01-17": "success", "2013-01-18": "success"}
    for run in runs:
        assert states(api, run) == {**dict.fromkeys(("ingest", "validate", "features"), "success"), "announce": "skipped"}


@pytest.mark.faults  # Minutes long.
def test_a_training_from_the_form_leads_to_its_mlflow_run(browser: Browser, api: AirflowApi, root: Path) -> None:
    browser.open_form("flights_training")
    browser.type(css("#element_end"), "01182013")
    browser.click(text("Search, for this run alone"))
    browser.type(css("input[name=element_trials]"), Keys.BACKSPACE, "2")
    run_id = browser.submit("flights_training")

    conf = api.run("flights_training", run_id)["conf"]
    assert (conf["end"], conf["trials"], conf["method"]) == ("2013-01-18", 2, "random")
    report = json.loads((root / "reports" / "flights_training" / run_id / "search_and_fit.json").read_text())
    assert (report["train_last"], report["holdout_last"], report["trials"]) == ("2013-01-17", "2013-01-18", 4)
    password = local_secrets(home())["mlflow_password"]
    browser.driver.get(browser.servers.mlflow.replace("://", f"://admin:{password}@"))  # A browser asks only once.
    browser.follow("flights_training", run_id, "search_and_fit", "MLflow run")
    browser.see(text("trained until 2013-01-17"))
    assert report["run_id"] in browser.driver.current_url


@pytest.mark.faults  # It needs the champion of the training.
def test_a_monitoring_from_the_form_leads_to_its_drift_report(browser: Browser, api: AirflowApi, root: Path) -> None:
    """The champion is that of the training above."""
    api.pause("flights_training", True)  # A retraining may be started, but is not waited for.
    api.pause("flights_monitoring", False)
    browser.open_form("flights_monitoring")
    browser.type(css("input[name=element_window]"), Keys.BACKSPACE, "1")
    run_id = browser.submit("flights_monitoring")
    report = json.loads((root / "reports" / "flights_monitoring" / run_id / "drift.json").read_text())
    assert report["first"] == report["last"] == str(YESTERDAY)
    browser.follow("flights_monitoring", run_id, "drift", "Drift report")
    browser.see(text("Data Drift Summary"))


@pytest.mark.faults  # It needs the champion of the training.
def test_a_rollback_from_the_form_scores_a_day_again(
    browser: Browser, api: AirflowApi, root: Path, spark: SparkSession
) -> None:
    """There is one champion, so that it stays; its day is scored again all the same."""
    api.pause("flights_rollback", False)
    browser.open_form("flights_rollback")
    browser.type(css("input[name=element_to]"), "1")
    browser.type(css("#element_reason"), "a complaint")
    browser.type(css("#element_start"), "01162013")
    run_id = browser.submit("flights_rollback")
    reports = root / "reports" / "flights_rollback" / run_id
    done = json.loads((reports / "rollback.json").read_text())
    assert (done["champion"], done["previous"], done["outcome"]) == (1, 1, "done")
    scored = json.loads((reports / "score.json").read_text())
    assert (scored["champion"], scored["first"], scored["last"]) == (1, "2013-01-16", "2013-01-16")
    day = tables.read(spark, "flights", "predictions").where("event_date = DATE'2013-01-16'")
    assert day.count() == scored["rows"] > 500
    assert [row.ledger_entry for row in day.select("ledger_entry").distinct().collect()] == [scored["entry"]]


def test_the_menu_lists_the_reports_and_opens_them(browser: Browser) -> None:
    browser.open("/dags")
    browser.click(text("Reports"))
    browser.driver.switch_to.frame(browser.see(css("iframe")))
    browser.click(text("Data Docs"))
    browser.see(text("Overview"))
    browser.driver.switch_to.default_content()
    assert "/plugin/reports" in browser.driver.current_url
