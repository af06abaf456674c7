"""Where things lie and how to reach them: everything that differs from one machine to the next."""

from functools import cache
from pathlib import Path

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict
from upath import UPath

REPO = Path(__file__).parents[2]


class Settings(BaseSettings):
    """Read from the environment, prefix ``UPDRAFT_``; what MLflow and Airflow read too keeps the name that they give it."""

    model_config = SettingsConfigDict(env_prefix="UPDRAFT_", env_nested_delimiter="__", frozen=True, extra="ignore")

    root: str = Field(str(REPO / "var"), description="Folder or URI of everything that is written.")
    use_cases: Path = Field(REPO / "use_cases", description="Folder of the use cases, one folder each.")
    expectations: Path = Field(REPO / "expectations", description="Folder of the Great Expectations suites.")
    sources: dict[str, str] = Field({}, description="Use case to the folder or URI that replaces its data.input.")
    spark_submit: str = Field(str(REPO / "spark_jobs" / "spark-submit"), description="The spark-submit that tasks call.")
    spark_ui: bool = Field(False, description="Serve Spark's own pages, from port 4040 on, while a job runs.")
    mlflow_ui: str | None = Field(None, description="Where people reach MLflow, if not at its tracking URI.")
    mlflow_tracking_uri: str | None = Field(None, validation_alias="MLFLOW_TRACKING_URI")
    airflow_ui: str | None = Field(None, validation_alias="AIRFLOW__API__BASE_URL")

    def path(self, *parts: str) -> UPath:
        """A place under the root; a relative root is taken from the repository, so that every process means the same."""
        root = self.root.removeprefix("file://")
        root = root if "://" in root else str(REPO / root)
        return UPath(root).joinpath(*parts)

    def table(self, use_case: str, table: str) -> UPath:
        """Where a table lies."""
        return self.path("tables", use_case, table)

    def source(self, use_case: str, declared: str) -> UPath:
        """The folder in which the raw rows of ``use_case`` lie: the override from the settings, else the declared one."""
        override = self.sources.get(use_case) or self.sources.get(use_case.upper())
        if override or "://" in declared:
            return UPath(override or declared)
        return self.path(declared)


@cache
def settings() -> Settings:
    """The settings of this process."""
    return Settings()
