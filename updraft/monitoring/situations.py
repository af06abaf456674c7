"""What monitoring knows on a day, and what it decides by that. It starts no Spark."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Self, TypeVar

from updraft.core.errors import UpdraftError
from updraft.core.interval import SNAPSHOT
from updraft.core.ledger import Entry
from updraft.core.reports import (
    DayDiagnosis,
    DecayLook,
    DecayReport,
    DiagnoseReport,
    DriftReport,
    Report,
    WindowDrift,
)
from updraft.core.triggers import Trigger
from updraft.core.use_case import UseCase
from updraft.data.labels import Maturity
from updraft.decisions.retraining import Look, Situation, decide

ReportT = TypeVar("ReportT", bound=Report)


@dataclass(frozen=True)
class Findings:
    """What the earlier jobs of a monitoring run have found about the champion, by day.

    Attributes:
        windows: Whether the rows had drifted.
        decay: Whether the champion had become worse.
        diagnoses: Why; None if the job that looks for the cause has left no report.
        unknown: Which reports say nothing, and why, one sentence each.
        drift_report: The whole report on drift; None if there is none.
        decay_report: That on decay.
    """

    windows: dict[date, WindowDrift]
    decay: dict[date, DecayLook]
    diagnoses: dict[date, DayDiagnosis] | None
    unknown: list[str]
    drift_report: DriftReport | None = None
    decay_report: DecayReport | None = None

    @classmethod
    def read(cls, uri: str, champion: int) -> Self:
        """Read the reports of the run.

        One that is missing has no verdicts, nor has one about another champion.

        Args:
            uri: The location of any report of the run.
            champion: The version that is champion now.
        """
        drift = _read(DriftReport, uri, "drift")
        decay = _read(DecayReport, uri, "decay")
        diagnose = _read(DiagnoseReport, uri, "diagnose")
        windows = drift.windows if drift and drift.champion == champion else []
        looks = decay.looks if decay and decay.champion == champion else []
        unknown = [
            *(["drift: the task has left no report"] if drift is None else []),
            *(["decay: the task has left no report"] if decay is None else []),
            *(["diagnose: the task has left no report"] if diagnose is None else []),
            *(_other_champion("drift", drift.champion, champion) if drift else []),
            *(_other_champion("decay", decay.champion, champion) if decay else []),
        ]
        return cls(
            windows={window.day: window for window in windows},
            decay={look.day: look for look in looks},
            diagnoses={found.day: found for found in diagnose.diagnoses} if diagnose else None,
            unknown=unknown,
            drift_report=drift,
            decay_report=decay,
        )

    @property
    def days(self) -> list[date]:
        """The days with a look, in order."""
        return sorted({*self.windows, *self.decay})

    def look(self, day: date) -> Look:
        """The verdicts by one day; None where there is none."""
        window = self.windows.get(day)
        decay = self.decay.get(day)
        return Look(day, window.detected if window else None, decay.decayed if decay else None)

    def looks(self, day: date, number: int) -> list[Look]:
        """The newest looks by one day, itself included, whether it has verdicts or not."""
        before = [earlier for earlier in self.days if earlier < day]
        newest = [*before, day][-number:]
        return [self.look(looked_at) for looked_at in newest]

    def diagnosis(self, day: date) -> DayDiagnosis | None:
        """Why the rows or the champion have changed by one day; None if nobody has looked."""
        return (self.diagnoses or {}).get(day)

    def is_diagnosed(self, day: date) -> bool:
        """Whether the cause was looked for, if there was anything to look for."""
        look = self.look(day)
        if look.drifted or look.decayed:
            return self.diagnosis(day) is not None
        return self.diagnoses is not None

    def unknown_on(self, day: date) -> list[str]:
        """Why verdicts by one day are missing, one sentence each."""
        reasons = list(self.unknown)
        window = self.windows.get(day)
        if window is not None and window.detected is None:
            reasons.append(f"drift: too few columns could be judged, {window.judged}")
        decay = self.decay.get(day)
        if decay is not None and decay.decayed is None:
            reasons.append(f"decay: {decay.reason or 'no verdict'}")
        return reasons


@dataclass(frozen=True)
class Monitored:
    """A champion, and what is known about it besides the findings.

    Attributes:
        use_case: The use case.
        entries: Those of the ledger, which has a champion.
        champion: The entry that made it champion.
        partitions: Those of the features table, in order.
        trainings: How many trainings are queued or running; None if that is not known.
        held: Whether a rollback holds all promotions.
        replayed: Whether past days are decided. Later trainings do not count then.
        is_new_snapshot: For a snapshot, whether its rows are not those of the champion's training;
            None if that is not known.
    """

    use_case: UseCase
    entries: Sequence[Entry]
    champion: Entry
    partitions: Sequence[date]
    trainings: int | None
    held: bool
    replayed: bool
    is_new_snapshot: bool | None = None

    def decide(
        self, days: Sequence[date], by: str, findings: Findings, past: Sequence[Trigger]
    ) -> list[Trigger]:
        """Decide days in order, each with what was decided on those before it.

        Args:
            days: At least one partition.
            by: The DAG run that decides.
            findings: Those of the run.
            past: The earlier decisions that count.

        Returns:
            The decisions, whose keys the table sets.
        """
        version = self.champion.to_version
        assert version is not None
        now = datetime.now(UTC)
        decisions: list[Trigger] = []
        for day in days:
            situation = self.situation(day, now, findings, [*past, *decisions])
            decision = decide(self.use_case.retraining, situation)
            look = findings.look(day)
            trigger = Trigger(
                key="",
                time=now,
                day=day,
                by=by,
                champion=version,
                run_id=self.champion.run_id,
                drifted=look.drifted,
                decayed=look.decayed,
                cause=situation.cause,
                columns=list(situation.columns),
                action=decision.action,
                reasons=decision.reasons,
                replayed=self.replayed,
            )
            decisions.append(trigger)
        return decisions

    def situation(
        self, day: date, now: datetime, findings: Findings, past: Sequence[Trigger]
    ) -> Situation:
        """What is known on a day.

        Args:
            day: A partition.
            now: The present time. A snapshot has no days, so those of the clock count for it.
            findings: Those of the run.
            past: The earlier decisions that count.
        """
        if self.use_case.unit is None:
            return self._on_snapshot(now.date(), findings, past)
        return self._on_day(day, findings, past)

    def _on_day(self, day: date, findings: Findings, past: Sequence[Trigger]) -> Situation:
        last_training = self._last_training(day)
        since = [
            partition
            for partition in self.partitions
            if last_training is not None and last_training < partition <= day
        ]
        diagnosis = findings.diagnosis(day)
        return Situation(
            day=day,
            looks=findings.looks(day, self.use_case.retraining.looks),
            diagnosed=findings.is_diagnosed(day),
            cause=diagnosis.cause if diagnosis else None,
            columns=diagnosis.columns if diagnosis else [],
            past=past,
            last_training=last_training,
            since_training=None if last_training is None else len(since),
            new_partitions=self._new_partitions(day, findings),
            trainings=self.trainings,
            held=self.held,
            unknown=findings.unknown_on(day),
        )

    def _on_snapshot(self, day: date, findings: Findings, past: Sequence[Trigger]) -> Situation:
        look = findings.look(SNAPSHOT)
        trained = [entry.time.date() for entry in self.entries if entry.event == "trained"]
        diagnosis = findings.diagnosis(SNAPSHOT)
        return Situation(
            day=day,
            looks=[look._replace(day=day)],
            diagnosed=findings.is_diagnosed(SNAPSHOT),
            cause=diagnosis.cause if diagnosis else None,
            columns=diagnosis.columns if diagnosis else [],
            past=[trigger._replace(day=trigger.time.date()) for trigger in past],
            last_training=max(trained, default=None),
            since_training=None,
            new_partitions=None if self.is_new_snapshot is None else int(self.is_new_snapshot),
            trainings=self.trainings,
            held=self.held,
            is_snapshot=True,
            unknown=findings.unknown_on(SNAPSHOT),
        )

    def _last_training(self, day: date) -> date | None:
        """The newest partition that the last training could know; None if no entry says it.

        Labels that come late are those of an earlier partition.
        """
        maturity = Maturity.of(self.use_case)
        days = [
            maturity.first_known(entry.holdout_last)
            for entry in self.entries
            if entry.holdout_last is not None
        ]
        return max((known for known in days if known <= day or not self.replayed), default=None)

    def _new_partitions(self, day: date, findings: Findings) -> int | None:
        """The partitions with complete labels after the champion's holdout, by one day."""
        if self.use_case.task.traits.has_target:
            look = findings.decay.get(day)
            return look.partitions if look else None
        holdout_last = self._holdout_last()
        if holdout_last is None:
            return None
        return sum(holdout_last < partition <= day for partition in self.partitions)

    def _holdout_last(self) -> date | None:
        """The last day of the champion's holdout; None if no entry says it."""
        for entry in reversed(self.entries):
            is_champion = (entry.version, entry.run_id) == (
                self.champion.to_version,
                self.champion.run_id,
            )
            if is_champion and entry.holdout_last is not None:
                return entry.holdout_last
        return None


def _read(report_type: type[ReportT], uri: str, job: str) -> ReportT | None:
    """The report of an earlier job of the run; None if there is none."""
    try:
        return report_type.read_sibling(uri, job)
    except UpdraftError:
        return None


def _other_champion(job: str, found: int | None, champion: int) -> list[str]:
    if found == champion:
        return []
    version = f"version {found}" if found else "no champion"
    return [f"{job}: the report is about {version}, but version {champion} is champion"]
