"""The encoder and decoder of PHP's forms, against hand-written wire."""

from __future__ import annotations

from typing import Any

import pytest

from bx24.emulator.formats import php


@pytest.mark.parametrize(
    ("data", "wire"),
    [
        ({"a": 1, "b": True, "c": False}, "a=1&b=1&c=0"),
        ({"a": None, "b": [], "c": {}, "d": ""}, "d="),
        ({"a": {"b": ["x", "y"]}}, "a%5Bb%5D%5B0%5D=x&a%5Bb%5D%5B1%5D=y"),
        ({"a": {"b": [], "c": None}}, ""),
        ({"t": "w|s|x.y", "u": "é & +"}, "t=w%7Cs%7Cx.y&u=%C3%A9+%26+%2B"),
        ({"a": [None, "x"]}, "a%5B1%5D=x"),
    ],
)
def test_encode(data: dict[str, Any], wire: str) -> None:
    assert php.encode(data).decode() == wire


@pytest.mark.parametrize(
    ("wire", "data"),
    [
        ("a=1&a=2", {"a": "2"}),
        ("a[]=x&a[]=y", {"a": ["x", "y"]}),
        ("a[1]=x&a[]=y", {"a": {"1": "x", "2": "y"}}),
        ("a[b][c]=1&a[b][d]=2", {"a": {"b": {"c": "1", "d": "2"}}}),
        ("a=1&a[b]=2", {"a": {"b": "2"}}),
        ("a[b]=2&a=1", {"a": "1"}),
        ("a.b=1&c+d=2", {"a_b": "1", "c_d": "2"}),
        ("FILTER[%3E%3DID]=5", {"FILTER": {">=ID": "5"}}),
        ("", {}),
        ("a", {"a": ""}),
        ("[x]=1", {}),
    ],
)
def test_decode(wire: str, data: dict[str, Any]) -> None:
    assert php.decode(wire) == data


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ({}, []),
        ({"0": "a", "1": "b"}, ["a", "b"]),
        ({"1": "a"}, {"1": "a"}),
        ({"a": {}}, {"a": []}),
        ((1, None), [1, None]),
    ],
)
def test_an_empty_map_is_a_list_in_json(value: Any, shown: Any) -> None:
    assert php.jsonable(value) == shown


@pytest.mark.parametrize(
    ("value", "serialized"),
    [
        (None, "N;"),
        (True, "b:1;"),
        (12, "i:12;"),
        ("Имя", 's:6:"Имя";'),
        (["a"], 'a:1:{i:0;s:1:"a";}'),
        ({"NAME": {"RU": "Я"}}, 'a:1:{s:4:"NAME";a:1:{s:2:"RU";s:2:"Я";}}'),
    ],
)
def test_serialized_size_counts_bytes(value: Any, serialized: str) -> None:
    assert php.serialized_size(value) == len(serialized.encode())


@pytest.mark.parametrize("value", [None, "", "0", 0, False, [], {}])
def test_empty_as_php_means_it(value: Any) -> None:
    assert php.is_empty(value)


@pytest.mark.parametrize("value", ["a", " ", "00", 1, [0], {"a": 0}])
def test_not_empty_as_php_means_it(value: Any) -> None:
    assert not php.is_empty(value)
