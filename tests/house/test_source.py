"""Nothing in the source that runs what data says, names a machine, or was left unfinished."""

from __future__ import annotations

import ast
import re
from collections import Counter

from house import ROOT, Module, modules

FORBIDDEN_CALLS = {
    "eval": "run no text",
    "exec": "run no text",
    "os.system": "use subprocess.run with a list",
    "os.popen": "use subprocess.run with a list",
    "pickle.load": "unpickling runs what the file says",
    "pickle.loads": "unpickling runs what the bytes say",
    "joblib.load": "unpickling runs what the file says",
    "yaml.load": "use yaml.safe_load",
    "yaml.unsafe_load": "use yaml.safe_load",
}

MACHINE_PATH = re.compile(r"(?<![\w.:/])/(?:home|root|work|Users|opt|mnt)/|[A-Z]:\\\\Users")
UNFINISHED = re.compile(r"\b(?:TODO|FIXME|XXX|HACK)\b")


def calls(module: Module) -> list[tuple[ast.Call, str]]:
    return [(n, ast.unparse(n.func)) for n in ast.walk(module.tree) if isinstance(n, ast.Call)]


def keyword(call: ast.Call, name: str) -> ast.expr | None:
    return next((k.value for k in call.keywords if k.arg == name), None)


def test_no_forbidden_calls() -> None:
    wrong = [
        f"{module.at(call)}: {name}: {FORBIDDEN_CALLS[name]}"
        for module in modules()
        for call, name in calls(module)
        if name in FORBIDDEN_CALLS
    ]
    assert not wrong, "\n".join(wrong)


def test_archives_are_extracted_by_the_safe_extractor_alone() -> None:
    wrong = [
        module.at(call)
        for module in modules()
        for call, name in calls(module)
        if name.endswith((".extractall", "unpack_archive"))
    ]
    assert not wrong, f"use swath.fetch's extraction, which checks every member: {wrong}"


def test_no_shell() -> None:
    wrong = [
        module.at(call)
        for module in modules()
        for call, _ in calls(module)
        if (shell := keyword(call, "shell")) is not None
        and not (isinstance(shell, ast.Constant) and shell.value is False)
    ]
    assert not wrong, f"a shell runs what a file name says: {wrong}"


def test_torch_load_reads_weights_only() -> None:
    wrong = []
    for module in modules():
        for call, name in calls(module):
            if name == "torch.load":
                value = keyword(call, "weights_only")
                if not (isinstance(value, ast.Constant) and value.value is True):
                    wrong.append(module.at(call))
    assert not wrong, f"torch.load without weights_only=True runs what the file says: {wrong}"


def test_numpy_load_never_unpickles() -> None:
    wrong = [
        module.at(call)
        for module in modules()
        for call, _ in calls(module)
        if (value := keyword(call, "allow_pickle")) is not None
        and not (isinstance(value, ast.Constant) and value.value is False)
    ]
    assert not wrong, f"allow_pickle runs what the file says: {wrong}"


def test_no_machine_paths() -> None:
    wrong = [
        f"{module.path.name}:{number}: {line.strip()}"
        for module in modules()
        for number, line in enumerate(module.text.splitlines(), 1)
        if MACHINE_PATH.search(line)
    ]
    assert not wrong, "paths of one machine:\n" + "\n".join(wrong)


def test_nothing_left_unfinished() -> None:
    wrong = [
        f"{module.path.name}:{number}: {line.strip()}"
        for module in modules()
        for number, line in enumerate(module.text.splitlines(), 1)
        if UNFINISHED.search(line)
    ]
    assert not wrong, "\n".join(wrong)


def test_every_module_says_what_it_is() -> None:
    silent = [m.name for m in modules() if not ast.get_docstring(m.tree)]
    assert not silent, f"modules without a docstring: {silent}"


def test_abstract_methods_are_abstract() -> None:
    """A base that cannot work alone cannot be made either: `abc.abstractmethod`."""
    wrong = [
        module.at(node)
        for module in modules()
        for node in ast.walk(module.tree)
        if isinstance(node, ast.Raise)
        and node.exc is not None
        and "NotImplementedError" in ast.unparse(node.exc)
        # any one of several steps may be overridden: its message says which
        and module.name != "swath.trainers.stages"
    ]
    assert not wrong, f"use abc.ABC and @abstractmethod: {wrong}"


def test_names_of_test_files_are_unique() -> None:
    """Tests lie in no packages: of two files of one name pytest would find one."""
    counts = Counter(path.name for path in (ROOT / "tests").rglob("*.py"))
    twice = [name for name, count in counts.items() if count > 1 and name != "conftest.py"]
    assert not twice, f"rename {twice}"
