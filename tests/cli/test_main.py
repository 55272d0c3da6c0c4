from __future__ import annotations

import json
import subprocess
import sys

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest


def croupier(*arguments):
    command = [sys.executable, "-m", "croupier", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False, env={"COLUMNS": "120", "PATH": ""})


@pytest.fixture
def lengths(tmp_path):
    values = np.random.default_rng(0).integers(1, 100, 2000)
    np.save(tmp_path / "lengths.npy", values)
    pq.write_table(pa.table({"frames": values}), tmp_path / "facts.parquet")
    return tmp_path


def test_preview_prints_a_table(lengths):
    done = croupier("preview", lengths / "lengths.npy", "--max-tokens", 1000, "--world-size", 4)
    assert done.returncode == 0, done.stderr
    assert "fill of the budget" in done.stdout
    assert "0 on 4 ranks, 4 lanes" in done.stdout


def test_preview_as_json_of_any_column_and_plan(lengths):
    grouped, bucketed, plain = (
        json.loads(croupier("preview", lengths / "facts.parquet", "--length", "frames", "--json", *plan).stdout)
        for plan in (["--max-tokens", 1000], ["--max-tokens", 1000, "--buckets", 5], ["--batch-size", 20])
    )
    assert grouped["padding"] < bucketed["padding"]
    assert plain["steps"] == 100


def test_the_dial_is_printed_drawn_and_written_as_json(lengths):
    plot = lengths / "dial.svg"
    done = croupier("dial", lengths / "lengths.npy", "--max-tokens", 1000, "--plot", plot)
    assert done.returncode == 0, done.stderr
    assert "sorted windows of 256" in done.stdout
    assert plot.exists()
    done = croupier("dial", lengths / "facts.parquet", "--length", "frames", "--max-tokens", 1000, "--json")
    assert json.loads(done.stdout)[0]["family"] == "no grouping"


def test_preview_of_a_mixture_shows_each_source(tmp_path):
    values = np.random.default_rng(0).integers(1, 100, 1000)
    facts = pa.table({"length": values, "language": ["en"] * 900 + ["de"] * 100})
    pq.write_table(facts, tmp_path / "facts.parquet")
    plan = ["--max-tokens", 1000, "--source", "language", "--temperature", 1e9]
    done = croupier("preview", tmp_path / "facts.parquet", *plan)
    assert done.returncode == 0, done.stderr
    assert "source de" in done.stdout
    assert "asked 50.00%" in " ".join(done.stdout.split())
    figures = json.loads(croupier("preview", tmp_path / "facts.parquet", *plan, "--json").stdout)
    assert [round(source["dealt"], 2) for source in figures["sources"]] == [0.5, 0.5]


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["preview", "{}/lengths.npy", "--max-tokens", 50], "croupier: table column 'length' must be <= 50"),
        (["preview", "{}/lengths.npy", "--max-tokens", 0], "croupier: max_tokens must be an integer >= 1, got 0"),
        (["preview", "{}/facts.parquet", "--max-tokens", 50], "croupier: table column 'length' must be there"),
        (["preview", "{}/nothing.npy", "--max-tokens", 50], "croupier: [Errno 2] No such file"),
        (
            ["preview", "{}/lengths.npy", "--max-tokens", 99, "--source", "x", "--buckets", 3],
            "give one of --source and",
        ),
        (
            ["preview", "{}/lengths.npy", "--max-tokens", 99, "--source", "x"],
            "croupier: table column 'x' must be there",
        ),
        (["preview", "{}/lengths.npy"], "give one of --max-tokens and --batch-size"),
    ],
)
def test_a_mistake_is_one_clear_line(lengths, arguments, text):
    done = croupier(*(str(argument).format(lengths) for argument in arguments))
    assert done.returncode == 2
    assert text in " ".join(done.stderr.split())
    assert "Traceback" not in done.stderr


def test_help_names_the_commands_without_loading_torch():
    done = croupier("--help")
    assert done.returncode == 0
    assert "demo" in done.stdout
    assert "preview" in done.stdout
