"""Who is champion: the alias in MLflow follows the ledger, and nothing else moves it."""

from contextlib import AbstractContextManager
from datetime import UTC, datetime
from typing import NamedTuple, Protocol

from mlflow.exceptions import MlflowException
from mlflow.tracking import MlflowClient

from updraft.core.errors import UpdraftError
from updraft.core.ledger import Entry, Event, key_of, last_change
from updraft.core.registry import CHAMPION
from updraft.core.use_case import UseCase
from updraft.decisions.card import champion_card


class Ledger(Protocol):
    """What keeps the entries. Held, nobody else adds any; ``after`` are all that there are when one is added."""

    def held(self) -> AbstractContextManager[None]: ...

    def entries(self) -> list[Entry]: ...

    def add(self, entry: Entry, after: list[Entry]) -> None: ...


class Origin(NamedTuple):
    """Where a decision comes from: ``by`` which DAG run or person, by which version of the ``code``."""

    by: str
    code: str


def settle(client: MlflowClient, ledger: Ledger, use_case: UseCase, origin: Origin) -> Entry | None:
    """Bring the alias and the model's page to where the ledger has the champion.

    Return the entry that has made it champion, none before the first.

    Promotion and rollback write their entry before the alias moves. So after a crash in between, the move is made up for here;
    an alias that was moved, given or deleted by hand is put back, and that becomes an entry, too. Where the ledger is empty
    and there is an alias, there was a champion before there was a ledger: it is adopted.

    Raises:
        UpdraftError: MLflow does not know the ledger's champion, or knows another model by its number.
    """
    with ledger.held():
        return settled(client, ledger, use_case, origin)


def settled(client: MlflowClient, ledger: Ledger, use_case: UseCase, origin: Origin) -> Entry | None:
    """``settle``, for who holds the ledger already."""
    alias, entries = alias_of(client, use_case), ledger.entries()
    now = last_change(entries)
    wanted = now.to_version if now else None
    key = key_of("settled", len(entries), alias)  # Whatever has happened before: it may happen again.
    if not entries and alias is not None:
        run_id = client.get_model_version(use_case.name, str(alias)).run_id
        reason = "it had the alias champion before there was a ledger"
        now = new_entry(key, "adopted", alias, None, alias, origin, [reason])._replace(run_id=run_id)
        ledger.add(now, entries)
    elif alias != wanted:
        found = f"at version {alias}" if alias else "at no version"
        print(f"the alias {CHAMPION} is {found}, expected {f'at version {wanted}' if wanted else 'none'}, as the ledger has it")
        move(client, use_case, now)
        reason = f"the alias was {found}: a task was killed, or it was moved by hand"
        ledger.add(new_entry(key, "restored", wanted or alias or 0, alias, wanted, origin, [reason]), entries)
    if now is not None and wanted is not None:
        describe(client, use_case, now)
    return now


def move(client: MlflowClient, use_case: UseCase, to: Entry | None) -> None:
    """Give the alias to the version that an entry has made champion; to none, where it has made none.

    Raises:
        UpdraftError: MLflow does not answer, does not know that version, or knows another model by its number.
    """
    name, version = use_case.name, str(to.to_version) if to and to.to_version is not None else None
    try:
        if version is None:
            client.delete_registered_model_alias(name, CHAMPION)
            return
        found = client.get_model_version(name, version)
        if to is None or to.run_id in (None, found.run_id):
            client.set_registered_model_alias(name, CHAMPION, version)
            return
        error: object = f"its version {version} is of run {found.run_id}, by the ledger of run {to.run_id}"
    except MlflowException as exception:
        error = exception
    champion = f"version {version}" if version else "nobody"
    raise UpdraftError(
        f"model {name}: by the ledger {champion} is champion, but the alias cannot follow: {error}. If MLflow is down, or not "
        "the server of this ledger, mend that and do the same again. If the version is gone for ever, "
        f"`updraft rollback {name}` to another one, or with --to 0 to none."
    ) from None


def alias_of(client: MlflowClient, use_case: UseCase) -> int | None:
    """The version that has the alias ``champion`` now."""
    try:
        aliases = client.get_registered_model(use_case.name).aliases
    except MlflowException as error:
        if error.error_code == "RESOURCE_DOES_NOT_EXIST":
            return None
        raise
    return int(aliases[CHAMPION]) if CHAMPION in aliases else None


def describe(client: MlflowClient, use_case: UseCase, change: Entry) -> None:
    """Say on the registered model's page who is champion since an entry, and why. Done again, nothing is written."""
    name, version = use_case.name, change.to_version
    summary = client.get_model_version(name, str(version)).description if version is not None else None
    card = champion_card(use_case, change, summary or "")
    if client.get_registered_model(name).description != card:
        client.update_registered_model(name, card)


def new_entry(
    key: str, event: Event, version: int, before: int | None, after: int | None, origin: Origin, reasons: list[str]
) -> Entry:
    """An entry of now that rests on no evidence."""
    return Entry(
        number=0,  # The ledger gives it.
        key=key,
        time=now_utc(),
        event=event,
        version=version,
        from_version=before,
        to_version=after,
        by=origin.by,
        reasons=reasons,
        evidence=None,
        run_id=None,
        features_version=None,
        code=origin.code,
    )


def now_utc() -> datetime:
    """The time of an entry."""
    return datetime.now(UTC)
