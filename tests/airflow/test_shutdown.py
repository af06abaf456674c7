"""The servers can be stopped."""

import psutil

from updraft.cli import servers


def test_down_ends_what_up_has_started(running: servers.Servers) -> None:
    """Last in this folder: it ends the servers of the others."""
    pids = [pid for pid, _ in running.processes.values()]
    assert set(servers.stop()) == set(running.processes)
    assert not any(is_alive(pid) for pid in pids)
    assert servers.stop() == []


def is_alive(pid: int) -> bool:
    return psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
