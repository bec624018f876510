"""The siege in small: what must hold on any machine, however slow. Times are for `make siege`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from bench.figures import verdicts
from bench.ground import Ground
from bench.siege import proxy, report
from bench.siege.measure import Plan, measure
from bench.siege.rows import ROWS
from bench.siege.targets import Signed
from tests.crash.processes import ROOT
from tests.crash.rig import Vendors

#: Where Linux, and not macOS, tells what a process has taken.
PROCESSES = Path("/proc/self/stat")
#: Goals that do not depend on how fast the machine is.
ROBUST = {"lost": 0, "twice": 0, "restarted": 0, "errors": 0, "problems": []}


@pytest.fixture
def ground() -> Iterator[Ground]:
    made = Ground()
    made.vendors = Vendors()
    yield made
    made.vendors.close()


def test_a_short_siege_loses_nothing(ground: Ground) -> None:
    found = measure(ground, "sqlite", Plan(8, tuple(ROWS), before_s=1, after_s=2))
    assert {name: found[name] for name in ROBUST} == ROBUST
    assert found["memory_mb"] < 300
    assert {"web", "worker"} <= found["processor_s"].keys() or not PROCESSES.exists()
    assert any(told["answers"] for told in found["rows"].values()), "nobody attacked"


def test_a_signed_call_is_another_run_each_time() -> None:
    call = Signed.of("http://x/robots/y", b"event_token=wf%7CA1%7Cold.sig&properties%5Bphone%5D=7&auth%5Bexpires%5D=1")
    first, second = call.again(phone="8"), call.with_fields({"auth[expires]": "2"})
    assert first.startswith(b"event_token=wf%7CA1%7C")
    assert first.endswith(b"&properties%5Bphone%5D=8&auth%5Bexpires%5D=1")
    assert second.endswith(b"&properties%5Bphone%5D=7&auth%5Bexpires%5D=2")
    assert len({first[:80], second[:80], call.again()[:80]}) == 3


def test_the_page_takes_the_tables(tmp_path: Path) -> None:
    told = {"rounds": 2, "answers": {"200": 3, "413": 1}, "slowest_s": 0.5}
    parts = {"siege": {"sqlite": {"lost": 0, "rows": {"3": told}, "processor_s": {"web": 46.6, "worker": 29.7}}}}
    page = tmp_path / "siege.md"
    page.write_text((report.DOCS / "siege.md").read_text())
    report.write_docs(parts, verdicts(parts, report.GOALS), 5, tmp_path)
    text = page.read_text()
    assert "| messages lost | SQLite | ≤ 0 | 0 | met |" in text
    assert "| 2 | 0.50 s | 3 × 200, 1 × 413 |" in text
    assert "Seconds of processor time: web 46.6, worker 29.7." in text
    page.write_text("no markers")
    with pytest.raises(ValueError, match="has no lines"):
        report.write_docs(parts, [], 5, tmp_path)


def test_the_proxy_before_the_web_is_the_one_that_the_docs_show() -> None:
    made = proxy.configuration((ROOT / proxy.PAGE).read_text(), "127.0.0.1:1", "127.0.0.1:2")
    assert "listen 127.0.0.1:1;" in made
    assert "proxy_pass http://127.0.0.1:2;" in made
    assert made.count("server {") == 1, "and not the one that sends plain http away"
    assert "client_max_body_size 21m;" in made
    assert "worker_connections 8192;" in made, "or robot calls lose their connection without a word"
    assert "443" not in made
    assert "ssl" not in made
    with pytest.raises(ValueError, match="how many connections"):
        proxy.configuration("```nginx\nserver {\nproxy_pass http://127.0.0.1:8000;\n}\n```", "x:1", "x:2")
    with pytest.raises(ValueError, match="reverse-proxy"):
        proxy.configuration("no server here", "127.0.0.1:1", "127.0.0.1:2")


@pytest.mark.parametrize("file", [proxy.PAGE, "docs/ru/operators/reverse-proxy.md", "deploy/nginx/waba24.conf"])
def test_everything_that_is_copied_gives_nginx_the_same_room(file: str) -> None:
    words = " ".join((ROOT / file).read_text().split())
    assert "worker_rlimit_nofile 20000; events { worker_connections 8192; }" in words
