"""Reads the source of a DAG file and says where it does more than wiring."""

import ast
from collections.abc import Iterator

MODULES = {
    "airflow.sdk",
    "datetime",
    "typing",
    "storykeep.airflow",
    "storykeep.airflow.approval",
    "storykeep.airflow.assets",
    "storykeep.settings",
}
DECISIONS = (ast.If, ast.IfExp, ast.For, ast.While, ast.Try, ast.With, ast.Lambda, ast.ListComp, ast.DictComp)


def faults(source: str) -> list[str]:
    """What in this file is not wiring: other imports, control flow, and tasks that are not one call."""
    tree = ast.parse(source)
    return [*_imports(tree), *_decisions(tree), *_bodies(tree)]


def calls(source: str) -> dict[str, tuple[str, int]]:
    """For each task the function of storykeep.airflow.tasks that it calls, and with how many arguments."""
    bodies = {function.name: _call(function) for function in _tasks(ast.parse(source))}
    return {name: (call.func.attr, len(call.args)) for name, call in bodies.items() if call}  # type: ignore[attr-defined]


def _imports(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (f"imports {alias.name}" for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module not in MODULES:
            yield f"imports {node.module}"


def _decisions(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, DECISIONS):
            yield f"line {node.lineno}: {type(node).__name__}"


def _bodies(tree: ast.Module) -> Iterator[str]:
    for function in _tasks(tree):
        if _call(function) is None:
            yield f"{function.name} is not one call of its own arguments"


def _tasks(tree: ast.Module) -> Iterator[ast.FunctionDef]:
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef) and any(_is_task(decorator) for decorator in node.decorator_list):
            yield node


def _is_task(decorator: ast.expr) -> bool:
    return ast.unparse(decorator.func if isinstance(decorator, ast.Call) else decorator) == "task"


def _call(function: ast.FunctionDef) -> ast.Call | None:
    """The call `tasks.<name>(<own arguments>)`, if the body is that and nothing else."""
    match function.body:
        case [ast.Return(value=ast.Call() as call) | ast.Expr(value=ast.Call() as call)]:
            own = [argument.arg for argument in function.args.args]
            is_wiring = [ast.unparse(argument) for argument in call.args] == own and not call.keywords
            return call if is_wiring and ast.unparse(call.func).rpartition(".")[0] == "tasks" else None
    return None
