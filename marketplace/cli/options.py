"""Options that several commands share, as one object each."""

import functools
import inspect
from collections.abc import Callable
from dataclasses import MISSING, Field, fields, is_dataclass
from typing import Any, get_type_hints


def with_options(command: Callable[..., None]) -> Callable[..., None]:
    """The command as typer takes it: in place of each dataclass, the options that make one."""
    signature = inspect.signature(command, eval_str=True)
    made = {each.name: each.annotation for each in signature.parameters.values() if is_dataclass(each.annotation)}
    options = {name: [field.name for field in fields(kind)] for name, kind in made.items()}

    @functools.wraps(command)
    def run(**given: Any) -> None:
        for name, kind in made.items():
            given[name] = kind(**{option: given.pop(option) for option in options[name]})
        command(**given)

    parameters: list[inspect.Parameter] = []
    for each in signature.parameters.values():
        parameters += _options_of(made[each.name]) if each.name in made else [each]
    run.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined]
    return run


def _options_of(kind: type) -> list[inspect.Parameter]:
    hints = get_type_hints(kind, include_extras=True)
    place = inspect.Parameter.KEYWORD_ONLY
    return [
        inspect.Parameter(each.name, place, default=_default(each), annotation=hints[each.name])
        for each in fields(kind)
    ]


def _default(option: Field) -> Any:
    return inspect.Parameter.empty if option.default is MISSING else option.default
