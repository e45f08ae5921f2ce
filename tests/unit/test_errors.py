"""The error tree: stable codes, and the same class on the other side of the wire."""

import pytest

from marketplace import errors


def test_every_class_of_the_tree_has_its_own_code_and_stands_in_the_docstring():
    # Other modules define errors too, and other tests import them.
    classes = [cls for cls in errors.all_error_classes().values() if cls.__module__ == errors.__name__]
    named = [
        value for value in vars(errors).values() if isinstance(value, type) and issubclass(value, errors.MarketError)
    ]
    assert len(classes) == len(named)
    for cls in named:
        assert cls.__name__ in errors.__doc__


@pytest.mark.parametrize(
    "error",
    [
        errors.MalformedMessage("Bid.salt", "missing"),
        errors.Reverted("PriceAboveMax", {"price": 2, "maxPrice": 1}),
        errors.NotFound("job", "0x12"),
        errors.InsufficientFunds("too little", hint="Deposit more.", free=1, needed=2),
    ],
)
def test_a_problem_document_raises_the_same_error_again(error):
    again = errors.error_from_problem(errors.problem_from_error(error))
    assert type(again) is type(error)
    assert (again.message, again.hint, again.values) == (error.message, error.hint, error.values)
    if isinstance(error, errors.Reverted):
        assert (again.name, again.args_) == (error.name, error.args_)
