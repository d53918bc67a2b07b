"""A fingerprint changes with what the code means, and with nothing else; jobs verify theirs."""

import os
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from basemodel import begun, sources
from basemodel import fingerprint as module

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
    monkeypatch.setattr(sources, "ROOT", root)
    monkeypatch.delenv(begun.VARIABLE, raising=False)
    monkeypatch.setattr(begun, "_of_this_process", None)
    begun.handed_down.cache_clear()
    yield root
    begun.handed_down.cache_clear()


def fingerprint(*args):
    begun._of_this_process = None
    return module.fingerprint(*args)


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
    meanings = {sources.facts_of(f"x = {value!r}".encode(), "x").meaning for value in (one, other)}
    assert len(meanings) == len({repr(one), repr(other)})


# What a job finds when it starts ------------------------------------------------------------------


@pytest.fixture(params=["noted", "not noted", "damaged", "of another checkout"])
def run(tree, tmp_path, request, monkeypatch):
    """A run that has begun; what its jobs know of that."""
    folder = tmp_path / "begun"
    begun.begin(folder, {"seed": 0})
    (noted,) = folder.iterdir()
    if request.param == "not noted":
        monkeypatch.delenv(begun.VARIABLE)
    elif request.param == "damaged":
        noted.write_text(noted.read_text()[:100])
    elif request.param == "of another checkout":
        noted.write_text(noted.read_text().replace(str(tree), "/elsewhere"))
    return request.param


def test_a_job_starts_where_the_code_means_the_same(tree, run):
    code = module.fingerprint("job.py", "basemodel.unused")
    assert code.startswith("job.py basemodel.unused ")
    module.verify(code)
    (tree / FAR).write_text("# a comment\n" + FILES[FAR])
    (tree / "basemodel/named/one.py").write_text("LABEL = 'other'\n")  # not of this script
    module.verify(code)


@pytest.mark.parametrize("how", ["edited", "gone", "unfinished"])
def test_a_job_does_not_start_where_the_code_is_another(tree, run, how):
    code = module.fingerprint("job.py")
    if how == "gone":
        (tree / FAR).unlink()
    else:
        edit(tree, FAR, "return 2", {"edited": "return 3", "unfinished": "return ("}[how])
    assert module.fingerprint("job.py") == code  # what the run has recorded stays
    with pytest.raises(SystemExit) as stopped:
        module.verify(code)
    assert "edited while this run was going on" in stopped.value.code
    assert "\n" not in stopped.value.code
    named = how == "edited" and run == "noted"
    assert stopped.value.code.startswith(f"{FAR}: " if named else "job.py or what it imports: ")
    (tree / FAR).write_text(FILES[FAR])
    module.verify(code)


def test_a_job_does_not_start_where_a_module_loaded_by_name_is_another(tree, run):
    code = module.fingerprint("loader.py", "basemodel.named.one")
    edit(tree, "basemodel/named/one.py", "one", "two")
    with pytest.raises(SystemExit):
        module.verify(code)


def other_process(tree, line):
    """Run a line in a new process of the same run."""
    text = f"""
import sys
from pathlib import Path
from basemodel import begun, sources
from basemodel.fingerprint import fingerprint
sources.ROOT = Path({str(tree)!r})
{line}
"""
    return subprocess.run([sys.executable, "-c", text], capture_output=True, text=True)


def test_a_process_that_reads_the_rules_again_has_what_the_run_began_with(tree, tmp_path):
    begun.begin(tmp_path / "begun", {"seed": 0, "rate": 0.1, "names": ["α"]})
    code = module.fingerprint("job.py")
    edit(tree, FAR, "return 2", "return 3")
    line = (
        "print(begun.resume() == {'seed': 0, 'rate': 0.1, 'names': ['α']}, fingerprint('job.py'))"
    )
    assert other_process(tree, line).stdout == f"True {code}\n"


@pytest.mark.parametrize("file", ["../Snakefile", "rules/common.smk", "rules/new.smk"])
def test_a_process_that_reads_edited_rules_ends(tree, tmp_path, file):
    begun.begin(tmp_path / "begun", {})
    (tree / file).write_text("# edited\n")
    ended = other_process(tree, "begun.resume()")
    assert ended.returncode == 1
    assert ended.stderr.startswith(f"{file}: edited while this run was going on")


def test_a_process_whose_run_cannot_be_known_ends(tree, tmp_path):
    begun.begin(tmp_path / "begun", {})
    for noted in (tmp_path / "begun").iterdir():
        noted.unlink()
    ended = other_process(tree, "begun.resume()")
    assert ended.returncode == 1 and "start the run again" in ended.stderr
    assert len(ended.stderr.splitlines()) == 1


def test_a_run_begins_in_a_folder_that_is_read_only(tree, tmp_path):
    (tmp_path / "file").touch()
    begun.begin(tmp_path / "file" / "begun", {})
    assert begun.VARIABLE not in os.environ
    module.verify(module.fingerprint("job.py"))


def test_to_verify_code_that_is_still_the_same_parses_nothing(tmp_path, monkeypatch):
    """Which takes 50 to 100 ms a job."""
    monkeypatch.setattr(begun, "_of_this_process", None)
    begun.begin(tmp_path, {})
    code = module.fingerprint("finetune.py")
    parsed = []
    monkeypatch.setattr(sources, "facts_of", lambda source, path: parsed.append(path))
    begun.handed_down.cache_clear()
    module.verify(code)
    monkeypatch.delenv(begun.VARIABLE)
    begun.handed_down.cache_clear()
    assert parsed == []
