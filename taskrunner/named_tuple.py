"""Named tuples that are quick to declare: what every command imports has dozens, of which it makes few.

A class of `typing.NamedTuple` has its constructor compiled, and each annotation that is a text, when it is
declared. Here the constructor is compiled when the first tuple is made.
"""

from __future__ import annotations

import sys
from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import NamedTuple as NamedTuple
else:
    from _collections import _tuplegetter

    class Declared(type):
        """Makes the class: the annotated names are its fields."""

        def __new__(cls, name, bases, namespace):
            """Return the class."""
            annotations = namespace.get("__annotations__", {})
            if not annotations and sys.version_info >= (3, 14):  # which has a function for them
                lazy = import_module("annotationlib")
                if annotate := lazy.get_annotate_from_class_namespace(namespace):
                    annotations = lazy.call_annotate_function(annotate, lazy.Format.FORWARDREF)
            fields = tuple(annotations)
            defaults = {field: namespace[field] for field in fields if field in namespace}
            namespace |= {field: _tuplegetter(number, "") for number, field in enumerate(fields)}
            namespace |= {"_fields": fields, "_field_defaults": defaults, "__match_args__": fields}
            return super().__new__(cls, name, bases, namespace | {"__slots__": ()})

    class NamedTuple(tuple, metaclass=Declared):
        """A tuple whose fields have names, as `typing.NamedTuple` declares it."""

        def __new__(cls, *values, **named):
            """Make the first tuple of a class, and the constructor of all that follow."""
            defaults = cls._field_defaults
            given = ", ".join(
                f"{field}=defaults[{field!r}]" if field in defaults else field for field in cls._fields
            )
            code = f"lambda cls, {given}: new(cls, ({', '.join(cls._fields)},))"
            cls.__new__ = eval(code, {"new": tuple.__new__, "defaults": defaults})  # noqa: S307  (our own names)
            return cls.__new__(cls, *values, **named)

        def __getnewargs__(self):
            return tuple(self)

        def __repr__(self):
            fields = zip(self._fields, self, strict=True)
            return f"{type(self).__name__}({', '.join(f'{field}={value!r}' for field, value in fields)})"

        @classmethod
        def _make(cls, values):
            made = tuple.__new__(cls, values)
            if len(made) != len(cls._fields):
                raise TypeError(f"{cls.__name__} has {len(cls._fields)} fields, not {len(made)}")
            return made

        def _asdict(self):
            return dict(zip(self._fields, self, strict=True))

        def _replace(self, **changed):
            made = tuple.__new__(type(self), map(changed.pop, self._fields, self))
            if changed:
                raise ValueError(f"{type(self).__name__} has no field {', '.join(changed)}")
            return made
