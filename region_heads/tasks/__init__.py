"""What a task is, and one module for each task; the bottom of the library, read by every part that must know tasks.

A fifth task is one more module here and its head. A task may also lie in a package of its own that names it as an
entry point of the group ``region_heads.tasks``. Nothing else in the project names a task.
"""

from importlib import import_module
from importlib.metadata import entry_points
from pkgutil import iter_modules

from region_heads.tasks.task import Answer, Task

# The order of their index in ``task_types`` tensors, and of every table; later tasks follow.
_FIRST = ("distance", "left_right", "multiple_choice", "counting")
for _name in (*_FIRST, *sorted(module.name for module in iter_modules(__path__))):
    import_module(f"{__name__}.{_name}")
for _entry in sorted(entry_points(group=__name__), key=lambda entry: entry.name):
    _entry.load()

TASKS: tuple[Task, ...] = tuple(Task.registry.values())
"""All tasks, in the order of their index in ``task_types`` tensors."""
TASK_NAMES: tuple[str, ...] = tuple(task.name for task in TASKS)
TASK_INDEX: dict[str, int] = {name: index for index, name in enumerate(TASK_NAMES)}

__all__ = ["TASKS", "TASK_INDEX", "TASK_NAMES", "Answer", "Task"]
