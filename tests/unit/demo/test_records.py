"""What became of each request, read from k6's CSV while it grows."""

from __future__ import annotations

from pathlib import Path

import pytest

from hack.demo.records import Records

HEADER = "metric_name,timestamp,metric_value,error_code,name,status,extra_tags,metadata\n"
FAST = "http_req_duration,1750000000100000,100.000000,,/browse,200,,\n"
OTHERS = "http_reqs,1750000000100000,1.000000,,/browse,200,,\nhttp_req_waiting,1750000000100000,99.000000,,/browse,200,,\n"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "requests.csv"


def test_a_request_is_timed_by_its_start(file: Path) -> None:
    file.write_text(HEADER + OTHERS + FAST)
    (request,) = Records(file).read()
    assert request.start == pytest.approx(1_750_000_000.0, abs=1e-6)
    assert (request.seconds, request.ok, request.route) == (0.1, True, "/browse")


@pytest.mark.parametrize(
    ("row", "ok"),
    [
        ("http_req_duration,1750000000100000,100.0,,/cart,200,,\n", True),
        ("http_req_duration,1750000000100000,1.5,1502,/cart,502,,\n", False),
        ("http_req_duration,1750000000100000,1.5,1404,/cart,404,,\n", False),
        ("http_req_duration,1750000000100000,5000.0,1050,/cart,0,,\n", False),
    ],
)
def test_only_an_answer_below_400_is_one(file: Path, row: str, ok: bool) -> None:
    file.write_text(HEADER + row)
    (request,) = Records(file).read()
    assert request.ok is ok


def test_a_failed_request_is_slow_however_fast_and_the_objective_itself_is_still_in_time(file: Path) -> None:
    rows = [("200.0", "", "200"), ("200.1", "", "200"), ("1.0", "1500", "500")]
    file.write_text(HEADER + "".join(f"http_req_duration,1750000000100000,{value},{code},/cart,{status},,\n" for value, code, status in rows))
    assert [request.slow(0.2) for request in Records(file).read()] == [False, True, True]


def test_a_file_that_grows_in_the_middle_of_a_line_gives_each_request_once(file: Path) -> None:
    records = Records(file)
    assert records.read() == []  # k6 has not begun
    seen = 0
    written = HEADER + OTHERS + FAST + FAST + OTHERS + FAST
    for end in range(0, len(written) + 1, 17):
        file.write_text(written[:end])
        seen += len(records.read())
    file.write_text(written)
    seen += len(records.read())
    assert seen == 3
    assert records.read() == []


def test_requests_that_could_not_be_sent_on_time_are_counted(file: Path) -> None:
    file.write_text(HEADER + FAST + "dropped_iterations,1750000000100000,2.000000,,,,,\n")
    records = Records(file)
    assert len(records.read()) == 1
    assert records.dropped == 2
