"""Who is champion: the alias in MLflow follows the ledger, and nothing else moves it."""

import logging
from dataclasses import dataclass
from datetime import UTC, datetime

from mlflow.exceptions import MlflowException
from mlflow.tracking import MlflowClient

from updraft.core.errors import UpdraftError
from updraft.core.ledger import Entry, Event, HeldLedger, Ledger, Origin, key_of, last_change
from updraft.core.registry import CHAMPION
from updraft.core.use_case import UseCase
from updraft.decisions.card import champion_card

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Champions:
    """The champions of one use case: its models in MLflow and its ledger, for one decision.

    Methods that add entries or move the alias take the held ledger, which only the holder of its
    lock has.

    Attributes:
        client: MLflow's model registry.
        ledger: The ledger of the use case.
        use_case: The use case; its registered model has the same name.
        origin: Where the decision comes from.
    """

    client: MlflowClient
    ledger: Ledger
    use_case: UseCase
    origin: Origin

    def current(self) -> Entry | None:
        """Hold the ledger, reconcile, and return the entry that made the current champion.

        Raises:
            UpdraftError: As ``reconcile``, or the ledger has been held for too long.
        """
        with self.ledger.hold() as held:
            return self.reconcile(held)

    def reconcile(self, held: HeldLedger) -> Entry | None:
        """Make the alias and the model's page agree with the ledger's champion.

        Promotion and rollback write their entry before the alias moves. After a crash between the
        two, the alias is moved here. An alias that was moved, set or deleted by hand is put back,
        which is entered in the ledger, too. If the ledger is empty but there is an alias, there was
        a champion before there was a ledger: it is adopted.

        Returns:
            The entry that made the current champion; None before the first.

        Raises:
            UpdraftError: MLflow does not have the ledger's champion, or has another model under
                its number.
        """
        alias = self.alias()
        entries = held.entries()
        change = last_change(entries)
        champion = change.to_version if change else None
        if not entries and alias is not None:
            return self._adopt(held, alias)
        if alias != champion:
            self._restore(held, entries, alias, change)
        if change is not None and champion is not None:
            self.describe(entries)
        return change

    def _adopt(self, held: HeldLedger, version: int) -> Entry:
        """Enter a version that had the alias before there was a ledger."""
        entry = self.new_entry(
            _repair_key([], version),
            "adopted",
            version,
            from_version=None,
            to_version=version,
            reasons=["it had the alias champion before there was a ledger"],
        )
        run_id = self.client.get_model_version(self.use_case.name, str(version)).run_id
        entry = entry._replace(run_id=run_id)
        held.add(entry, [])
        return entry

    def _restore(
        self, held: HeldLedger, entries: list[Entry], alias: int | None, change: Entry | None
    ) -> None:
        """Move the alias back to the champion that the last change made, and enter that."""
        champion = change.to_version if change else None
        place = f"at version {alias}" if alias else "at no version"
        expected = f"at version {champion}" if champion else "at no version"
        logger.warning(
            "the alias %s is %s, but by the ledger it belongs %s", CHAMPION, place, expected
        )
        self.move_alias(held, change)
        entry = self.new_entry(
            _repair_key(entries, alias),
            "restored",
            champion or alias or 0,
            from_version=alias,
            to_version=champion,
            reasons=[f"the alias was {place}: a task was killed, or it was moved by hand"],
        )
        held.add(entry, entries)

    def carry_out(self, held: HeldLedger, entry: Entry, after: list[Entry]) -> None:
        """Change the champion: first the entry, then the alias, then the model's page.

        If the process dies in between, ``reconcile`` does the rest. ``after``: all entries on which
        the decision was based.
        """
        held.add(entry, after)
        self.move_alias(held, entry)
        self.describe([*after, entry])

    def move_alias(self, _held: HeldLedger, change: Entry | None) -> None:
        """Move the alias to the version that an entry made champion; delete it if there is none.

        Raises:
            UpdraftError: MLflow does not answer, does not have that version, or has another model
                under its number.
        """
        name = self.use_case.name
        version = change.to_version if change else None
        try:
            if change is None or version is None:
                self.client.delete_registered_model_alias(name, CHAMPION)
                return
            run_id = self.client.get_model_version(name, str(version)).run_id
            if change.run_id in (None, run_id):
                self.client.set_registered_model_alias(name, CHAMPION, str(version))
                return
            problem = (
                f"version {version} in MLflow belongs to run {run_id}, expected run {change.run_id}"
            )
        except MlflowException as error:
            problem = str(error)
        champion = f"version {version}" if version else "nobody"
        raise UpdraftError(
            f"model {name}: according to the ledger {champion} is champion, but the alias in "
            f"MLflow could not be updated: {problem}. If MLflow is down, or is not the server of "
            "this ledger, fix that and try again. If the version is lost for good, run "
            f"`updraft rollback {name}` with --to another version, or with --to 0 for no champion."
        ) from None

    def alias(self) -> int | None:
        """Return the version that has the alias ``champion`` in MLflow now."""
        try:
            aliases = self.client.get_registered_model(self.use_case.name).aliases
        except MlflowException as error:
            if error.error_code == "RESOURCE_DOES_NOT_EXIST":
                return None
            raise
        return int(aliases[CHAMPION]) if CHAMPION in aliases else None

    def describe(self, entries: list[Entry]) -> None:
        """Say on the registered model's page who is champion, and what is held or barred.

        Idempotent. It is the description of the registered model; the summary comes from its
        version's. ``entries``: the ledger, in which there is a champion or was one.
        """
        name = self.use_case.name
        change = last_change(entries)
        version = change.to_version if change else None
        summary = ""
        if version is not None:
            summary = self.client.get_model_version(name, str(version)).description or ""
        card = champion_card(self.use_case, entries, summary)
        if self.client.get_registered_model(name).description != card:
            self.client.update_registered_model(name, card)

    def new_entry(
        self,
        key: str,
        event: Event,
        version: int,
        *,
        from_version: int | None,
        to_version: int | None,
        reasons: list[str],
    ) -> Entry:
        """Return an entry of the present time that is based on no evidence."""
        return Entry(
            number=0,  # The ledger replaces it.
            key=key,
            time=datetime.now(UTC),
            event=event,
            version=version,
            from_version=from_version,
            to_version=to_version,
            reasons=reasons,
            evidence=None,
            run_id=None,
            features_version=None,
            **self.origin._asdict(),
        )


def _repair_key(entries: list[Entry], alias: int | None) -> str:
    """Return the key of a repair. The same repair may be needed again, so entries are counted."""
    # "settled" is part of keys in existing ledgers: do not change it.
    return key_of("settled", len(entries), alias)
