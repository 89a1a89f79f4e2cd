"""Named tuples: declared like those of `typing`, and behaving like them."""

from __future__ import annotations

import copy
import pickle
import typing
from typing import Generic, TypeVar

import pytest

from taskrunner.named_tuple import NamedTuple

T = TypeVar("T")


class Ours(NamedTuple):
    """What stands here."""

    name: str
    count: int = 1
    words: tuple[str, ...] = ()

    @property
    def twice(self) -> int:
        """Two times the count."""
        return 2 * self.count


class Theirs(typing.NamedTuple):
    """The same."""

    name: str
    count: int = 1
    words: tuple[str, ...] = ()


class Holder(NamedTuple, Generic[T]):
    held: T
    label: str = ""


def test_they_are_made_as_those_of_typing_are():
    for values, named in ((("a",), {}), (("a", 2), {"words": ("b",)}), ((), {"words": (), "name": "a"})):
        assert tuple(Theirs(*values, **named)) == Ours(*values, **named)

    assert (Theirs._fields, Theirs._field_defaults) == (Ours._fields, Ours._field_defaults)
    assert Theirs.__match_args__ == Ours.__match_args__
    assert "What stands here." == Ours.__doc__


@pytest.mark.parametrize("named", ({}, {"name": "a", "other": 1}))
def test_a_field_that_is_missing_or_unknown_is_an_error(named):
    with pytest.raises(TypeError):
        Ours(**named)


def test_they_do_what_those_of_typing_do():
    one, other = Ours("a", 2), Theirs("a", 2)

    assert repr(other).replace("Theirs", "Ours") == repr(one)
    assert other._asdict() == one._asdict()
    assert tuple(other._replace(count=3)) == one._replace(count=3)
    assert tuple(Theirs._make(["b", 4, ()])) == Ours._make(["b", 4, ()])
    assert ("a", 2, (), 4) == (one.name, one.count, one.words, one.twice)
    assert {one: 1} == {("a", 2, ()): 1}


def test_they_are_of_their_class_after_each_copy():
    one = Ours("a", 2)

    for made in (one._replace(count=3), copy.copy(one), copy.deepcopy(one), pickle.loads(pickle.dumps(one))):
        assert (type(made), made.name) == (Ours, "a")


def test_they_cannot_be_changed():
    with pytest.raises(AttributeError):
        Ours("a").name = "b"  # type: ignore[misc]
    with pytest.raises(AttributeError):
        Ours("a").another = 1  # type: ignore[attr-defined]


def test_their_fields_may_be_of_any_type():
    assert ("a", "") == Holder[str]("a") == Holder("a")
