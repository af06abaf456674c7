"""The settings of this machine: where files are, and how to reach the servers."""

from functools import cache
from pathlib import Path

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict
from upath import UPath

from updraft.core.locations import Location

REPO = Path(__file__).parents[2]


class Settings(BaseSettings):
    """Settings from environment variables with the prefix ``UPDRAFT_``.

    Variables that MLflow and Airflow read themselves keep the names that those give them.
    """

    model_config = SettingsConfigDict(
        env_prefix="UPDRAFT_", env_nested_delimiter="__", frozen=True, extra="ignore"
    )

    root: str = Field(str(REPO / "var"), description="Folder or URI of everything that is written.")
    use_cases: Path = Field(
        REPO / "use_cases", description="Folder of the use cases, one folder each."
    )
    expectations: Path = Field(
        REPO / "expectations", description="Folder of the Great Expectations suites."
    )
    sources: dict[str, str] = Field(
        {}, description="Use case to the folder or URI that replaces its data.input."
    )
    retention_days: int = Field(
        90,
        ge=1,
        description="How long event logs, reports and logs are kept; `make up` removes older ones.",
    )
    spark_submit: str = Field(
        str(REPO / "spark_jobs" / "spark-submit"),
        description="The spark-submit that tasks call.",
    )
    spark_ui: bool = Field(
        False, description="Serve Spark's own pages, from port 4040 on, while a job runs."
    )
    mlflow_ui: str | None = Field(
        None, description="Where people reach MLflow, if not at its tracking URI."
    )
    mlflow_tracking_uri: str | None = Field(None, validation_alias="MLFLOW_TRACKING_URI")
    airflow_ui: str | None = Field(None, validation_alias="AIRFLOW__API__BASE_URL")

    def path(self, *parts: str) -> UPath:
        """Return a path below the root.

        A relative root is below the repository, so that it means the same in every process.
        """
        return Location.of(self.root, REPO).path.joinpath(*parts)

    def location(self, *parts: str) -> Location:
        """Return a path below the root, in the spellings that Spark and deltalake expect."""
        return Location(self.path(*parts))

    def table(self, use_case_name: str, table_name: str) -> Location:
        """Return the location of a table."""
        return self.location("tables", use_case_name, table_name)

    def source(self, use_case_name: str, declared: str) -> UPath:
        """Return the folder of a use case's raw files.

        Args:
            use_case_name: The settings may replace the folder for this name.
            declared: ``data.input`` of the use case.
        """
        override = self.sources.get(use_case_name) or self.sources.get(use_case_name.upper())
        return Location.of(override).path if override else Location.of(declared, self.path()).path


@cache
def settings() -> Settings:
    """Return the settings of this process."""
    return Settings()
