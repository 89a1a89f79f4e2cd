"""Custom data: what JSON keeps comes back as it was, all else is refused where it is queued."""

import json
from collections import OrderedDict
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from taskrunner.errors import CustomDataError
from taskrunner.queueing import DEEPEST_DATA, LARGEST_DATA, decode_data, dedupe_key, encode_data
from taskrunner.store import Store
from tests.store.store_rows import new_task

TEXT = st.text(st.characters(exclude_characters="\0", exclude_categories=("Cs",)))
PLAIN = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXT
JSON = st.recursive(PLAIN, lambda inner: st.lists(inner) | st.dictionaries(TEXT, inner), max_leaves=20)


class Opaque:
    def __repr__(self) -> str:
        return "Opaque()"


def lists(depth: int, inside: str = "") -> str:
    """Return the JSON of so many lists in each other."""
    return "[" * depth + inside + "]" * depth


def nested(depth: int, inside: Any = None) -> Any:
    """Return so many lists in each other."""
    data: Any = [] if inside is None else [inside]
    for _ in range(depth - 1):
        data = [data]
    return data


def nested_objects(depth: int) -> Any:
    data: Any = {}
    for _ in range(depth - 1):
        data = {"in": data}
    return data


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (float("nan"), "nan, which JSON does not know"),
        (float("inf"), "inf, which JSON does not know"),
        ({"x": [float("-inf")]}, "-inf, which JSON does not know"),
        (b"bytes", "a bytes, which JSON does not know"),
        ({"x": bytearray(b"x")}, "a bytearray, which JSON does not know"),
        ({1, 2}, "a set, which JSON does not know"),
        ([frozenset()], "a frozenset, which JSON does not know"),
        (Opaque(), "a Opaque, which JSON does not know"),
        (datetime(2026, 11, 21, tzinfo=UTC), "a datetime, which JSON does not know"),
        (Decimal("1.5"), "a Decimal, which JSON does not know"),
        (1j, "a complex, which JSON does not know"),
        (Opaque, "a type, which JSON does not know"),
        ({1: "x"}, "the key 1, which is not a text"),
        ({"x": {None: 1}}, "the key None, which is not a text"),
        ({True: 1}, "the key True, which is not a text"),
        ({("a", "b"): 1}, "the key ('a', 'b'), which is not a text"),
        ("a\0b", "a NUL character"),
        ({"a\0b": 1}, "a NUL character"),
        ("\ud800", "half a character"),
        ({"\udc80": 1}, "half a character"),
        (["x", {"y": "\udfff"}], "half a character"),
    ],
    ids=repr,
)
def test_what_a_database_cannot_keep_is_refused_and_named(data, said):
    with pytest.raises(CustomDataError) as refusal:
        encode_data(data)

    assert said in str(refusal.value)


@pytest.mark.parametrize(
    "text",
    ["", "{", "nan", "[1,]", "{'x': 1}", "NaN", "Infinity", "[-Infinity]", '"\\u0000"', '"\\ud800"', "1 2"],
)
def test_a_text_that_is_not_such_json_is_refused(text):
    with pytest.raises(CustomDataError):
        decode_data(text)


@pytest.mark.parametrize("digits", [5000, 100_000])
def test_a_number_with_more_digits_than_python_writes_is_refused(digits):
    with pytest.raises(CustomDataError):
        encode_data({"number": 10**digits})

    with pytest.raises(CustomDataError):
        decode_data("1" * digits)


def test_custom_data_may_be_exactly_1_mib_long():
    largest = "x" * (LARGEST_DATA - len('""'))

    assert LARGEST_DATA == 1_048_576 == len(encode_data(largest))
    assert largest == decode_data(encode_data(largest))


@pytest.mark.parametrize(
    "data", ["x" * (LARGEST_DATA - 1), ["é" * (LARGEST_DATA // 2)], {"x" * LARGEST_DATA: 1}], ids=len
)
def test_custom_data_that_is_longer_is_refused_bytes_counted(data):
    with pytest.raises(CustomDataError, match="is 10[0-9]{5} bytes long; at most 1048576 are kept"):
        encode_data(data)


@pytest.mark.parametrize(
    "text", ['"' + "x" * LARGEST_DATA + '"', '"' + "é" * (LARGEST_DATA // 2) + '"', " " * 2 * LARGEST_DATA]
)
def test_a_text_that_is_longer_is_refused(text):
    with pytest.raises(CustomDataError, match="at most 1048576"):
        decode_data(text)


@pytest.mark.parametrize("make", [nested, nested_objects])
def test_custom_data_may_be_100_levels_deep(make):
    assert DEEPEST_DATA == 100
    assert make(100) == decode_data(encode_data(make(100)))


def test_what_lies_in_the_deepest_level_is_no_level_of_its_own():
    assert lists(100, "7") == encode_data(nested(100, 7))
    assert nested(100, 7) == decode_data(lists(100, "7"))


@pytest.mark.parametrize("depth", [101, 1000, 100_000])
@pytest.mark.parametrize("make", [nested, nested_objects])
def test_custom_data_that_is_deeper_is_refused(make, depth):
    with pytest.raises(CustomDataError, match="custom data is deeper than 100 levels"):
        encode_data(make(depth))


@pytest.mark.parametrize("depth", [101, 1000, 100_000])
def test_a_text_that_is_deeper_is_refused(depth):
    with pytest.raises(CustomDataError, match="custom data is deeper than 100 levels"):
        decode_data(lists(depth))


def test_custom_data_that_holds_itself_is_refused():
    data: list[Any] = []
    data.append(data)

    with pytest.raises(CustomDataError, match="custom data is deeper than 100 levels"):
        encode_data(data)


@pytest.mark.parametrize(
    "text", ["über", "日本語", "\U0001f980", "e\u0301", "\u2028", "'; drop table x; --", "\x7f\x01"]
)
def test_text_of_any_script_is_kept_as_it_is(store: Store, text: str):
    (added,) = store.adhoc.add([new_task(custom_data=encode_data({text: text}))], 0)
    once = store.adhoc.add_once(new_task(custom_data=encode_data({text: text}), identity="other"), 0)

    assert [{text: text}] * 2 == [decode_data(store.adhoc.find(i).custom_data) for i in (added, once)]


def test_what_is_kept_is_readable_and_its_keys_stay_in_their_order():
    assert '{"z":"ü","a":[1,2.5,true,null]}' == encode_data({"z": "ü", "a": (1, 2.5, True, None)})


def test_objects_that_are_dicts_and_lists_are_kept_as_such():
    assert {"a": [1]} == decode_data(encode_data(OrderedDict(a=(1,))))


def test_the_dedupe_key_does_not_depend_on_the_order_of_keys_at_any_depth():
    one = {"a": 1, "b": [{"x": 1, "y": 2}]}
    other = {"b": [{"y": 2, "x": 1}], "a": 1}

    assert dedupe_key("forum.Mail", None, one) == dedupe_key("forum.Mail", None, other)


@pytest.mark.parametrize(
    "other",
    [
        ("forum.Mail2", "4", [1, 2]),
        ("forum.Mail", "5", [1, 2]),
        ("forum.Mail", None, [1, 2]),
        ("forum.Mail", "4", [2, 1]),
        ("forum.Mail", "4", ["1", 2]),
        ("forum.Mail", "4", None),
    ],
)
def test_the_dedupe_key_depends_on_name_and_user_and_data(other):
    assert dedupe_key("forum.Mail", "4", [1, 2]) != dedupe_key(*other)


@given(JSON)
def test_what_is_encoded_is_decoded_to_the_same(data):
    text = encode_data(data)

    assert json.dumps(data) == json.dumps(decode_data(text))
    assert text == encode_data(decode_data(text))


@given(st.dictionaries(TEXT, PLAIN | st.lists(PLAIN)), st.randoms(use_true_random=False))
def test_the_dedupe_key_is_that_of_the_same_keys_in_any_order(data, chance):
    keys = list(data)
    chance.shuffle(keys)

    assert dedupe_key("forum.Mail", None, data) == dedupe_key(
        "forum.Mail", None, {key: data[key] for key in keys}
    )
