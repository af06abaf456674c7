"""How Airflow's processes share the SQLite file that a local set-up keeps its metadata in.

Airflow imports ``CONNECT_ARGS`` by its setting ``[database] sql_alchemy_connect_args``, in every
process that opens the database; with it comes the listener below.
"""

import sqlite3
from typing import Any

from sqlalchemy import Connection, Engine, event

# SQLite has one writer at a time; by default the others give up after 5 s.
CONNECT_ARGS: dict[str, Any] = {"timeout": 60}


@event.listens_for(Engine, "savepoint")
def begin_to_write(connection: Connection, _: str) -> None:
    """Take the write lock before a savepoint, so that what is written after it waits its turn.

    A savepoint outside a transaction opens a read transaction. SQLite refuses at once, without
    the timeout, to let it write while another process writes (SQLITE_BUSY of "BEGIN DEFERRED",
    https://sqlite.org/lang_transaction.html). Airflow makes the runs of a backfill in savepoints:
    it then answered 503, and deleted runs that its scheduler was updating, which ended the
    scheduler.
    """
    driver = connection.connection.driver_connection
    if isinstance(driver, sqlite3.Connection) and not driver.in_transaction:
        connection.exec_driver_sql("BEGIN IMMEDIATE")
