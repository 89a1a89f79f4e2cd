"""The answer to a statement, which may still be on its way; imported late: an idle minute waits for none."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Generic, TypeVar, cast

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")
U = TypeVar("U")


class Reply(Generic[T]):
    """An answer: known already, or one that `get` waits for by calling `read` with the arguments, once."""

    __slots__ = ("_answer", "_arguments", "_read")

    def __init__(
        self,
        answer: T | None = None,
        *,
        read: Callable[..., T] | None = None,
        arguments: tuple[Any, ...] = (),
    ) -> None:
        self._answer = answer
        self._read = read
        self._arguments = arguments

    @property
    def is_known(self) -> bool:
        """Whether `get` waits for nothing."""
        return self._read is None

    def get(self) -> T:
        """Return the answer, waiting for it if need be. Raises StoreError."""
        if self._read is not None:
            self._answer = self._read(*self._arguments)
            self._read = None
        return cast(T, self._answer)

    def then(self, convert: Callable[[T], U]) -> Reply[U]:
        """Return the reply that has this answer, converted."""
        return Reply(read=lambda: convert(self.get()))
