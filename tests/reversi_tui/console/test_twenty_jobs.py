"""The twenty jobs that the console was made for, each with the test that does it by real keys.

Every one of these tests counts its keys in a real terminal, and allows twelve at most.
"""

from __future__ import annotations

from importlib import import_module
from inspect import getsource

import pytest

CONSOLE = "tests.reversi_tui.console"
SYSTEM = "tests.system.test_console_tmux"
JOBS = {
    "what is broken, and why": f"{CONSOLE}.test_row_jobs:test_what_is_broken_and_why",
    "kill a hung tunnel": f"{SYSTEM}:test_a_hung_tunnel_is_found_and_killed_by_keys_and_comes_back",
    "reset all hung ones and see them back": (
        f"{CONSOLE}.test_view_jobs:test_reset_all_that_hang_and_see_them_back"
    ),
    "who flaps most": f"{CONSOLE}.test_row_jobs:test_who_flaps_most",
    "old dropbears": f"{CONSOLE}.test_row_jobs:test_old_dropbears",
    "log in to a device": f"{SYSTEM}:test_the_console_is_restored_after_a_shell_on_the_node",
    "add a node and build its bundle": (
        f"{CONSOLE}.test_menu_jobs:test_add_a_node_and_build_its_bundle"
    ),
    "disable a stolen device": f"{CONSOLE}.test_menu_jobs:test_disable_a_stolen_device",
    "find by LAN target": f"{CONSOLE}.test_row_jobs:test_find_a_device_by_its_address_in_the_lan",
    "what a colleague killed yesterday": (
        f"{CONSOLE}.test_event_jobs:test_what_a_colleague_killed_yesterday"
    ),
    "follow the log": f"{CONSOLE}.test_event_jobs:test_follow_the_log",
    "from an event to its row": f"{CONSOLE}.test_event_jobs:test_from_an_event_to_its_row",
    "watch one node": f"{CONSOLE}.test_row_jobs:test_watch_one_node",
    "sort by latency": f"{CONSOLE}.test_view_jobs:test_sort_by_latency",
    "copy a command": f"{CONSOLE}.test_menu_jobs:test_copy_a_command",
    "what changed in the last hour": f"{CONSOLE}.test_row_jobs:test_what_changed_in_the_last_hour",
    "this week's uptime": f"{CONSOLE}.test_uptime:test_this_weeks_uptime_takes_few_keys",
    "one customer's devices": f"{CONSOLE}.test_view_jobs:test_one_customer_s_devices",
    "write the table": f"{CONSOLE}.test_view_jobs:test_write_the_table",
    "search the log": f"{CONSOLE}.test_event_jobs:test_search_the_log",
}


def test_there_are_twenty_jobs() -> None:
    assert len(JOBS) == len(set(JOBS.values())) == 20


@pytest.mark.parametrize("job", JOBS)
def test_the_job_is_done_by_a_test_that_counts_its_keys(job: str) -> None:
    module, _, name = JOBS[job].partition(":")

    test = getattr(import_module(module), name)

    assert "hands.count" in getsource(test)
