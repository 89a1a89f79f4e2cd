"""The answer to a statement, which may still be on its way; imported late: an idle minute waits for none."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Generic, TypeVar, cast

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")
U = TypeVar("U")


class Reply(Generic[T]):
    """An answer that `get` waits for: `read` is called once, when it is first asked for."""

    __slots__ = ("_answer", "_arguments", "_read")

    def __init__(self, read: Callable[..., T] | None, *arguments: Any) -> None:
        self._read = read
        self._arguments = arguments
        self._answer: T | None = None

    def get(self) -> T:
        """Return the answer, waiting for it if need be. Raises StoreError."""
        if self._read is not None:
            self._answer = self._read(*self._arguments)
            self._read = None
        return cast(T, self._answer)

    def then(self, convert: Callable[[T], U]) -> Reply[U]:
        """Return the reply that has this answer, converted."""
        return Reply(lambda: convert(self.get()))


def known(answer: T) -> Reply[T]:
    """Return the reply to what needs no asking."""
    reply: Reply[T] = Reply(None)
    reply._answer = answer
    return reply
