"""The records of results: settings by name, and records that move with the results."""

import json
import os
import shutil
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from basemodel.run import records
from basemodel.run.records import keep, ordered, restore, unknown

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(st.from_regex("[a-z]{1,4}", fullmatch=True), VALUES, max_size=5))
def test_settings_in_any_order_are_one_text(settings):
    backwards = dict(reversed(settings.items()))
    assert repr(ordered(**settings)) == repr(ordered(**backwards))
    assert ordered(**settings) == settings
    assert json.loads(json.dumps(ordered(**settings))) == ordered(**settings)


def test_settings_that_trade_values_differ():
    assert ordered(size=32, seed=0) != ordered(size=0, seed=32)
    assert ordered(of=("a", "b")) == {"of": ["a", "b"]} != ordered(of=("b", "a"))
    with pytest.raises(TypeError):
        ordered(path=Path("x"))


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def made(path, *settings, inputs=()):
    """A file and Snakemake's record of it; returns the time that both name."""
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    Path(path).write_text(path)
    time = Path(path).stat().st_mtime
    write(path, {"params": list(settings), "input": list(inputs), "log": [], "endtime": time,
                 "input_checksums": dict.fromkeys(inputs, "sha256:0")})  # fmt: skip
    return time


def write(path, record):
    name = records._record_of(path) if records.METADATA.exists() else None
    if name is None:
        records.METADATA.mkdir(parents=True)
        name = records._record_of(path)
    name.parent.mkdir(parents=True, exist_ok=True)
    name.write_text(json.dumps(record))


def record(path):
    return json.loads(records._record_of(path).read_text())


LONG = "a" * 100 + "/" + "b" * 200 + ".csv"  # Snakemake divides the name of its record


def test_records_are_where_snakemake_has_them(here):
    from snakemake.io import IOFile
    from snakemake.persistence import MetadataRecord
    from snakemake.persistence.file import FilePersistence

    store = FilePersistence(nolock=True)
    for path in ("results/a.csv", f"results/{LONG}", "results/ü ß/{x}.json"):
        store._write_record(path, MetadataRecord(params=[path], record_format_version=6))
        assert record(path)["params"] == [path]
        write(path, records.UNKNOWN)
        store._clear_cache()
        assert store.params(IOFile(path)) == records.UNKNOWN["params"]
        assert not store.metadata(IOFile(path)).record_format_version < 6
    assert {key for key, _, _ in records._records()} == {
        "results/a.csv", f"results/{LONG}", "results/ü ß/{x}.json"
    }  # fmt: skip


@pytest.mark.parametrize("move", ["copied", "moved", "records lost"])
def test_records_follow_results(here, move):
    time = made("results/m/a.json", "'seed'", inputs=["results/in.npy", "elsewhere/in.npy"])
    made(f"results/{LONG}", "'long'")
    keep("results")
    if move == "records lost":
        shutil.rmtree(".snakemake")
        now = "results"
    else:
        shutil.copytree("results", "there") if move == "copied" else shutil.move("results", "there")
        now = "there"
    restore(now)
    found = record(f"{now}/m/a.json")
    assert found["params"] == ["'seed'"] and found["endtime"] == time
    assert found["input"] == [f"{now}/in.npy", "elsewhere/in.npy"]
    assert set(found["input_checksums"]) == {f"{now}/in.npy", "elsewhere/in.npy"}
    assert unknown([f"{now}/m/a.json", f"{now}/{LONG}"]) == []
    write(f"{now}/m/a.json", {**found, "params": ["'another'"]})
    restore(now)  # once
    assert record(f"{now}/m/a.json")["params"] == ["'another'"]


def test_a_file_that_was_written_since_is_unknown(here):
    made("results/a.json", "'seed 0'")
    made("results/b.json", "'seed 0'")
    keep("results")
    os.utime("results/a.json", (1, 1))
    Path("results/c.json").write_text("no record at all")
    shutil.rmtree(".snakemake")
    restore("results")
    assert unknown(["results/a.json", "results/b.json", "results/c.json", "results/d.json"]) == [
        "results/a.json", "results/c.json"
    ]  # fmt: skip
    keep("results")  # what is unknown takes no record's place
    os.utime("results/b.json", (2, 2))
    assert '"seed 0"' not in Path("results/.provenance/records.jsonl").read_text()
    assert Path("results/.provenance/records.jsonl").read_text().count("'seed 0'") == 2


def test_results_that_another_checkout_has_changed(here, monkeypatch):
    """Each has Snakemake's records of its own; the results say which of them are true."""
    results = str(here / "results")
    for name in ("one", "two"):
        (here / name).mkdir()
    monkeypatch.chdir(here / "one")
    made(f"{results}/a.json", "'seed 0'")
    keep(results)
    monkeypatch.chdir(here / "two")
    restore(results)
    os.utime(f"{results}/a.json", (5, 5))
    write(
        f"{results}/a.json", {**record(f"{results}/a.json"), "params": ["'seed 1'"], "endtime": 5.0}
    )
    keep(results)
    monkeypatch.chdir(here / "one")
    assert record(f"{results}/a.json")["params"] == ["'seed 0'"]
    restore(results)
    assert record(f"{results}/a.json")["params"] == ["'seed 1'"]


def test_results_inside_others_keep_their_own_records(here):
    made("results/smoke/a.json", "'smoke'")
    keep("results/smoke")
    made("results/a.json", "'default'")
    keep("results")
    assert "'smoke'" not in Path("results/.provenance/records.jsonl").read_text()
    shutil.rmtree(".snakemake")
    records._others_between.cache_clear()
    restore("results")
    restore("results/smoke")
    assert record("results/a.json")["params"] == ["'default'"]
    assert record("results/smoke/a.json")["params"] == ["'smoke'"]


def test_a_folder_as_output_has_one_record(here):
    made("results/weights/.snakemake_timestamp", "''")
    time = Path("results/weights/.snakemake_timestamp").stat().st_mtime
    Path("results/weights/1.safetensors").write_text("w")
    write("results/weights", {"params": ["'w'"], "input": [], "log": [], "endtime": time})
    keep("results")
    shutil.move("results", "there")
    restore("there")
    assert record("there/weights")["params"] == ["'w'"]


def test_damaged_records_are_no_records(here):
    made("results/a.json", "'seed'")
    keep("results")
    for file in Path("results/.provenance").iterdir():
        file.write_text("[", encoding="utf-8")
    shutil.rmtree(".snakemake")
    restore("results")
    assert unknown(["results/a.json"]) == ["results/a.json"]
