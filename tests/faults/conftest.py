"""A finished tiny swiss roll to be damaged, and the table of all that was injected and what came of it."""

import shutil
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from jobs import VARIANTS, Job

README = Path(__file__).with_name("README.md")
BEGIN, END = "<!-- begin of the table -->\n", "<!-- end of the table -->\n"
AFTER = ("sample", "evaluate", "publish", "prepare")
INJECTED = pytest.StashKey[dict]()


def pytest_addoption(parser):
    parser.addoption("--write-table", action="store_true", help="write what came of the faults into the README")


def pytest_configure(config):
    config.stash[INJECTED] = {}


@pytest.fixture
def injected(request):
    """A function that takes down what came of an injection: the same bytes, refused, used silently."""

    def note(fault: str, outcome: str, sentence: str = "") -> None:
        what = request.module.__doc__.split(":")[0]
        request.config.stash[INJECTED].setdefault((what, fault), Counter())[outcome] += 1

    return note


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node):
    """Take over what one of several processes that share the tests has injected."""
    for what, fault, counts in getattr(node, "workeroutput", {}).get("injected", []):
        node.config.stash[INJECTED].setdefault((what, fault), Counter()).update(counts)


def pytest_sessionfinish(session):
    faults = session.config.stash[INJECTED]
    if hasattr(session.config, "workeroutput"):
        session.config.workeroutput["injected"] = [[*fault, dict(counts)] for fault, counts in faults.items()]
    elif session.config.getoption("--write-table") and faults:
        before, rest = README.read_text().split(BEGIN)
        table, after = rest.split(END)
        README.write_text(before + BEGIN + _table(dict(_rows(table)) | faults) + END + after)


def _rows(table: str) -> Iterator[tuple[tuple[str, str], Counter]]:
    """What earlier sessions have written, which stays where this one has not injected the same."""
    for line in table.splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if len(cells) == 4 and cells[2].isdecimal() and cells[1]:
            counted = (part.split(" ", 1) for part in cells[3].split("; "))
            yield (cells[0], cells[1]), Counter({outcome: int(count) for count, outcome in counted})


def _table(faults: dict[tuple[str, str], Counter]) -> str:
    """A row a fault, and the sum."""
    lines = ["", "| what | fault | injected | what came of it |", "|:--|:--|--:|:--|"]
    total = sum(faults.values(), Counter())
    for (what, fault), counts in sorted(faults.items()):
        lines.append(f"| {what} | {fault} | {counts.total()} | {_counted(counts)} |")
    return "\n".join([*lines, f"| all | | {total.total()} | {_counted(total)} |", "", ""])


def _counted(counts: Counter) -> str:
    return "; ".join(f"{count} {outcome}" for outcome, count in counts.most_common())


@pytest.fixture(scope="session")
def whole(tmp_path_factory) -> Path:
    """The results of an undisturbed workflow of two trainings."""
    folder = tmp_path_factory.mktemp("whole") / "results"
    folder.mkdir()
    for stage, variant in (*(("train", name) for name in VARIANTS), *((name, "") for name in AFTER)):
        ended = Job(folder, stage, variant).run()
        assert ended.status == 0, ended.said
    return folder


@pytest.fixture
def results(whole, tmp_path) -> Path:
    """A copy of the results, to be damaged."""
    return shutil.copytree(whole, tmp_path / "results")
