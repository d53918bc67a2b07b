"""A fingerprint changes with what the code means, and with nothing else."""

import pytest

from basemodel import fingerprint as module

FILES = {
    "scripts/job.py": "from basemodel import near\nfrom basemodel.deep.far import f\nf()\n",
    "basemodel/__init__.py": "",
    "basemodel/near.py": '"""Doc."""\nimport json\n\n\ndef g():\n    """Doc."""\n    return 1\n',
    "basemodel/deep/__init__.py": "DEPTH = 1\n",
    "basemodel/deep/far.py": "import basemodel.farther\n\n\ndef f():\n    return 2\n",
    "basemodel/farther.py": "VALUE = 3\n",
    "basemodel/unused.py": "VALUE = 4\n",
}


@pytest.fixture
def tree(tmp_path, monkeypatch):
    for name, text in FILES.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    monkeypatch.setattr(module, "ROOT", tmp_path)
    yield tmp_path
    forget()


def forget():
    for cached in (module._reachable, module._imports, module._tree, module._meaning):
        cached.cache_clear()


def fingerprint(*args):
    forget()
    return module.fingerprint(*args)


@pytest.mark.parametrize(
    ("file", "before", "after"),
    [
        ("scripts/job.py", "f()", "f(); f()"),
        ("basemodel/near.py", "return 1", "return 2"),
        ("basemodel/deep/far.py", "return 2", "return 3"),
        ("basemodel/farther.py", "3", "5"),
        ("basemodel/deep/__init__.py", "1", "2"),
    ],
)
def test_it_changes_with_the_script_and_all_that_it_imports(tree, file, before, after):
    first = fingerprint("job.py")
    (tree / file).write_text(FILES[file].replace(before, after))
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


def test_what_is_not_there_is_named(tree):
    with pytest.raises(FileNotFoundError, match=r"missing\.py"):
        fingerprint("missing.py")
    with pytest.raises(ModuleNotFoundError, match=r"basemodel\.missing"):
        fingerprint("job.py", "basemodel.missing")
