"""A fingerprint changes with what the code means, and with nothing else; jobs verify theirs."""

import os
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from basemodel.models import catalog
from basemodel.run import provenance

FILES = {
    "scripts/job.py": "from basemodel import near\nfrom basemodel.deep.far import f\nf()\n",
    "scripts/loader.py": "from basemodel.named import load\nload('one')\n",
    "basemodel/__init__.py": "",
    "basemodel/near.py": '"""Doc."""\nimport json\n\n\ndef g():\n    """Doc."""\n    return 1\n',
    "basemodel/deep/__init__.py": "DEPTH = 1\n",
    "basemodel/deep/far.py": "import basemodel.farther\n\n\ndef f():\n    return 2\n",
    "basemodel/farther.py": "VALUE = 3\n",
    "basemodel/unused.py": "VALUE = 4\n",
    "basemodel/named/__init__.py": (
        "import importlib\n\n\ndef load(name):\n"
        "    return importlib.import_module('basemodel.named.' + name)\n"
    ),
    "basemodel/named/one.py": "LABEL = 'one'\n",
    "rules/common.smk": "# rules\n",
}
FAR = "basemodel/deep/far.py"


@pytest.fixture
def tree(tmp_path, monkeypatch):
    root = tmp_path / "workflow"
    for name, text in FILES.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    (tmp_path / "Snakefile").write_text("rule all:\n")
    monkeypatch.setattr(provenance, "ROOT", root)
    monkeypatch.delenv(provenance.VARIABLE, raising=False)
    provenance._current.cache_clear()
    provenance.run_record.cache_clear()
    yield root
    provenance._current.cache_clear()
    provenance.run_record.cache_clear()


def fingerprint(*args):
    provenance._current.cache_clear()
    return provenance.fingerprint(*args)


def edit(tree, file, before, after):
    assert before in FILES[file]
    (tree / file).write_text(FILES[file].replace(before, after))


@pytest.mark.parametrize(
    ("file", "before", "after"),
    [
        ("scripts/job.py", "f()", "f(); f()"),
        ("basemodel/near.py", "return 1", "return 2"),
        ("basemodel/deep/far.py", "return 2", "return 0"),
        ("basemodel/farther.py", "3", "5"),
        ("basemodel/deep/__init__.py", "1", "2"),
    ],
)
def test_it_changes_with_the_script_and_all_that_it_imports(tree, file, before, after):
    first = fingerprint("job.py")
    edit(tree, file, before, after)
    assert fingerprint("job.py") != first


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("basemodel/unused.py", "VALUE = 5\n"),
        ("basemodel/near.py", "# note\nimport json\n\ndef g():\n  'Other.'\n  return (1)\n"),
        ("basemodel/farther.py", "\n\nVALUE  =  3 # three\n"),
    ],
)
def test_comments_docstrings_layout_and_other_modules_are_no_part_of_it(tree, file, text):
    first = fingerprint("job.py")
    (tree / file).write_text(text)
    assert fingerprint("job.py") == first


def test_a_module_loaded_by_name_is_part_of_it(tree):
    assert fingerprint("job.py", "basemodel.unused") != fingerprint("job.py")
    first = fingerprint("job.py", "basemodel.unused")
    (tree / "basemodel/unused.py").write_text("VALUE = 5\n")
    assert fingerprint("job.py", "basemodel.unused") != first


def test_a_package_that_takes_a_modules_place_is_found_as_python_finds_it(tree):
    first = fingerprint("job.py")
    (tree / "basemodel/farther").mkdir()
    (tree / "basemodel/farther/__init__.py").write_text("VALUE = 3\nOTHER = 1\n")
    assert fingerprint("job.py") != first


def test_what_is_not_there_is_named(tree):
    with pytest.raises(FileNotFoundError, match=r"missing\.py"):
        fingerprint("missing.py")
    for missing in ("basemodel.missing", "basemodel.near.g"):
        with pytest.raises(ModuleNotFoundError, match=missing):
            fingerprint("job.py", missing)


def test_a_script_that_loads_by_name_cannot_do_without_the_names(tree):
    with pytest.raises(ValueError, match=r"loader\.py reaches basemodel/named/__init__\.py"):
        fingerprint("loader.py")
    with pytest.raises(ValueError, match=r"those of basemodel\.named"):
        fingerprint("loader.py", "basemodel.near")
    first = fingerprint("loader.py", "basemodel.named.one")
    edit(tree, "basemodel/named/one.py", "one", "two")
    assert fingerprint("loader.py", "basemodel.named.one") != first


CONSTANTS = st.sampled_from([0, 1, 0.0, 1.5, True, False, None, "", "0", "a", b"", b"a", 2j])


@given(CONSTANTS, CONSTANTS)
def test_constants_that_differ_differ_in_meaning(one, other):
    meanings = {
        provenance.parse(f"x = {value!r}".encode(), "x.py").ast_hash for value in (one, other)
    }
    assert len(meanings) == len({repr(one), repr(other)})


# What a job finds when it starts ------------------------------------------------------------------


@pytest.fixture(params=["recorded", "not recorded", "damaged", "of another checkout"])
def run(tree, tmp_path, request, monkeypatch):
    """A run that has started; what its jobs know of that."""
    folder = tmp_path / "runs"
    provenance.start_run(folder, {"seed": 0})
    (recorded,) = folder.iterdir()
    if request.param == "not recorded":
        monkeypatch.delenv(provenance.VARIABLE)
    elif request.param == "damaged":
        recorded.write_text(recorded.read_text()[:100])
    elif request.param == "of another checkout":
        recorded.write_text(recorded.read_text().replace(str(tree), "/elsewhere"))
    return request.param


def test_a_job_starts_where_the_code_means_the_same(tree, run):
    code = provenance.fingerprint("job.py", "basemodel.unused")
    assert code.startswith("job.py basemodel.unused ")
    provenance.verify(code)
    (tree / FAR).write_text("# a comment\n" + FILES[FAR])
    (tree / "basemodel/named/one.py").write_text("LABEL = 'other'\n")  # not of this script
    provenance.verify(code)


@pytest.mark.parametrize("how", ["edited", "gone", "unfinished"])
def test_a_job_does_not_start_where_the_code_is_another(tree, run, how):
    code = provenance.fingerprint("job.py")
    if how == "gone":
        (tree / FAR).unlink()
    else:
        edit(tree, FAR, "return 2", {"edited": "return 3", "unfinished": "return ("}[how])
    assert provenance.fingerprint("job.py") == code  # what the run has recorded stays
    with pytest.raises(SystemExit) as stopped:
        provenance.verify(code)
    assert "edited while this run was going on" in stopped.value.code
    assert "\n" not in stopped.value.code
    named = FAR if run == "recorded" else "job.py or what it imports"
    assert stopped.value.code.startswith(f"{named}: ")
    (tree / FAR).write_text(FILES[FAR])
    provenance.verify(code)


def test_a_job_does_not_start_where_a_module_loaded_by_name_is_another(tree, run):
    code = provenance.fingerprint("loader.py", "basemodel.named.one")
    edit(tree, "basemodel/named/one.py", "one", "two")
    with pytest.raises(SystemExit):
        provenance.verify(code)


def other_process(tree, line):
    """Run a line in a new process of the same run."""
    text = f"""
import sys
from pathlib import Path
from basemodel.run import provenance
from basemodel.run.provenance import fingerprint
provenance.ROOT = Path({str(tree)!r})
{line}
"""
    return subprocess.run([sys.executable, "-c", text], capture_output=True, text=True)


def test_a_process_that_reads_the_rules_again_has_what_the_run_started_with(tree, tmp_path):
    provenance.start_run(tmp_path / "runs", {"seed": 0, "rate": 0.1, "names": ["α"]})
    code = provenance.fingerprint("job.py")
    edit(tree, FAR, "return 2", "return 3")
    settings = "{'seed': 0, 'rate': 0.1, 'names': ['α']}"
    line = f"print(provenance.recorded_settings() == {settings}, fingerprint('job.py'))"
    assert other_process(tree, line).stdout == f"True {code}\n"


@pytest.mark.parametrize("file", ["../Snakefile", "rules/common.smk", "rules/new.smk"])
def test_a_process_that_reads_edited_rules_ends(tree, tmp_path, file):
    provenance.start_run(tmp_path / "runs", {})
    (tree / file).write_text("# edited\n")
    ended = other_process(tree, "provenance.recorded_settings()")
    assert ended.returncode == 1
    assert ended.stderr.startswith(f"{file}: edited while this run was going on")


def test_a_process_whose_run_cannot_be_known_ends(tree, tmp_path):
    provenance.start_run(tmp_path / "runs", {})
    for recorded in (tmp_path / "runs").iterdir():
        recorded.unlink()
    ended = other_process(tree, "provenance.recorded_settings()")
    assert ended.returncode == 1 and "start the run again" in ended.stderr
    assert len(ended.stderr.splitlines()) == 1


def test_a_run_begins_in_a_folder_that_is_read_only(tree, tmp_path):
    (tmp_path / "file").touch()
    provenance.start_run(tmp_path / "file" / "runs", {})
    assert provenance.VARIABLE not in os.environ
    provenance.verify(provenance.fingerprint("job.py"))


def test_a_run_parses_what_was_edited_since_the_last(tree, tmp_path, monkeypatch):
    """The record is the one that a run makes which parses all."""
    own, parsed, parse = tree / provenance.OUTSIDE[0], [], provenance.parse
    own.parent.mkdir()
    own.write_text("# parses\n")
    monkeypatch.setattr(provenance, "__file__", str(own))
    monkeypatch.setattr(provenance, "parse", lambda *file: parsed.append(file[1]) or parse(*file))

    def sources(folder="runs"):
        parsed.clear()
        provenance.start_run(tmp_path / folder, {})
        return provenance.run_record().sources

    first = sources()
    assert sorted(parsed) == sorted(first)
    edit(tree, FAR, "return 2", "return 3")
    (tree / "basemodel/named/one.py").unlink()
    second = sources()
    assert parsed == [FAR]
    assert second == sources("elsewhere") != first
    own.write_text("# parses otherwise\n")
    sources()
    assert sorted(parsed) == sorted(second)
    for record in (tmp_path / "runs").iterdir():
        record.write_text(record.read_text()[:100])
    (tmp_path / "runs" / "gone.json").symlink_to("nowhere")
    assert sorted(sources()) == sorted(parsed)


def test_to_verify_code_that_is_still_the_same_parses_nothing(tmp_path, monkeypatch):
    """Which takes 50 to 100 ms a job."""
    monkeypatch.setenv(provenance.VARIABLE, "")  # to be as before after this test
    provenance.start_run(tmp_path, {})
    code = provenance.fingerprint("finetune.py", catalog.module_name("alexnet"))
    parsed = []
    monkeypatch.setattr(provenance, "parse", lambda content, path: parsed.append(path))
    provenance.run_record.cache_clear()
    provenance.verify(code)
    assert provenance.run_record() and parsed == []
    provenance._current.cache_clear()
    provenance.run_record.cache_clear()
