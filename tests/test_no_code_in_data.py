"""No module of the library makes code of data: no pickle, no eval, no shell, in no file that it reads."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import croupier as cr

SOURCE = Path(cr.__file__).parent
MODULES = sorted(SOURCE.rglob("*.py"))
FORBIDDEN_IMPORTS = {
    "pickle",
    "cPickle",
    "_pickle",
    "dill",
    "cloudpickle",
    "joblib",
    "marshal",
    "shelve",
    "yaml",
    "code",
}
FORBIDDEN_CALLS = {
    "eval", "exec", "compile", "__import__", "system", "popen", "getoutput", "getstatusoutput", "unsafe_load",
    "all_gather_object", "broadcast_object_list", "gather_object", "scatter_object_list",
}  # fmt: skip
NAMED_LIKE_THEM = {("re", "compile"), ("torch", "compile")}


def faults_of(source: str) -> list[str]:
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names if alias.name.partition(".")[0] in FORBIDDEN_IMPORTS]
        if isinstance(node, ast.ImportFrom) and (node.module or "").partition(".")[0] in FORBIDDEN_IMPORTS:
            found.append(str(node.module))
        if not isinstance(node, ast.Call):
            continue
        called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        owner = getattr(getattr(node.func, "value", None), "id", "")
        said = {keyword.arg: getattr(keyword.value, "value", None) for keyword in node.keywords}
        if called in FORBIDDEN_CALLS and (owner, called) not in NAMED_LIKE_THEM:
            found.append(called)
        if said.get("allow_pickle") or said.get("shell"):
            found.append(f"{called} with allow_pickle or shell")
        if (owner, called) == ("np", "load") and said.get("allow_pickle") is not False:
            found.append("np.load without allow_pickle=False")
        if (owner, called) == ("torch", "load") and said.get("weights_only") is not True:
            found.append("torch.load without weights_only=True")
    return found


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(SOURCE)))
def test_no_module_makes_code_of_data(path):
    assert faults_of(path.read_text()) == []


@pytest.mark.parametrize(
    "source",
    [
        "import pickle", "from pickle import loads", "import yaml", "eval('1')", "exec(x)", "os.system('true')",
        "subprocess.run('true', shell=True)", "np.load(path)", "np.load(path, allow_pickle=True)", "torch.load(path)",
        "torch.load(path, weights_only=False)", "dist.all_gather_object(a, b)", "import marshal",
        "compile('1', '', 'eval')",
    ],
)  # fmt: skip
def test_the_check_sees_each(source):
    assert faults_of(source)


def test_what_is_no_fault():
    fine = "re.compile('x'); np.load(p, allow_pickle=False); torch.load(p, weights_only=True); ast.literal_eval('1')"
    assert faults_of(fine) == []
