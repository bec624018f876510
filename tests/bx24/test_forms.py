import tracemalloc
from typing import Any
from urllib.parse import unquote_to_bytes

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bx24.forms import Form, PayloadError, as_list, build_query, parse_form, parse_query

CASES: list[tuple[bytes, Form]] = [
    (b"", {}),
    (b"a=1&b=", {"a": "1", "b": ""}),
    (b"a", {"a": ""}),
    (b"a=b=c", {"a": "b=c"}),
    (b"a+b=c+d%2B", {"a b": "c d+"}),
    (b"auth[user_id]=1&auth[scope]=crm", {"auth": {"user_id": "1", "scope": "crm"}}),
    (b"auth%5Buser_id%5D=1", {"auth": {"user_id": "1"}}),
    (b"p[vars][0]=x&p[vars][1]=y", {"p": {"vars": {"0": "x", "1": "y"}}}),
    (b"a[]=x&a[]=y", {"a": {"0": "x", "1": "y"}}),
    (b"a[5]=x&a[]=y", {"a": {"5": "x", "6": "y"}}),
    (b"a[\xc2\xb2]=x&a[]=y", {"a": {"²": "x", "0": "y"}}),
    # conflicts: the first wins, nothing raises
    (b"a=1&a=2", {"a": "1"}),
    (b"a=1&a[b]=2", {"a": "1"}),
    (b"a[b]=1&a=2", {"a": {"b": "1"}}),
    (b"a[b]=1&a[b][c]=2", {"a": {"b": "1"}}),
    # not brackets of ours
    (b"a[b=1", {"a[b": "1"}),
    (b"a[b]c=1", {"a": {"b": "1"}}),
    (b"a[b][c=1", {"a": {"b": "1"}}),
    (b"[a]=1&=2", {}),
    # what no database takes
    (b"a%00b=c%00", {"ab": "c"}),
    (b"a=%FF%D0", {"a": "\ufffd\ufffd"}),
    (b"a=%zz%", {"a": "%zz%"}),
    ("a=Анна".encode(), {"a": "Анна"}),
]


@pytest.mark.parametrize(("sent", "form"), CASES)
def test_a_form_body_as_php_means_it(sent: bytes, form: Form) -> None:
    assert parse_form(sent) == form


@pytest.mark.parametrize("piece", [b"%41", b"%D0%B0", b"a%4", b"%%34", b"%F0%9F%98%80"], ids=str)
@pytest.mark.parametrize("shift", range(3))
def test_a_long_value_is_read_as_a_short_one_and_in_bounded_memory(piece: bytes, shift: int) -> None:
    sent = b"a=" + b"x" * shift + piece * (1024 * 1024 // len(piece))
    tracemalloc.start()
    value = parse_form(sent)["a"]
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert value == "x" * shift + unquote_to_bytes(piece * (1024 * 1024 // len(piece))).decode("utf-8", "replace")
    assert peak < 6 * len(sent)


def test_order_is_kept() -> None:
    assert list(parse_form(b"b=1&a=2&c[z]=1&c[y]=2")["c"]) == ["z", "y"]


def test_too_many_fields_are_refused() -> None:
    assert len(parse_form(b"&".join(b"k%d=1" % i for i in range(10)), max_keys=10)) == 10
    with pytest.raises(PayloadError, match="more than 10 fields"):
        parse_form(b"&" * 10, max_keys=10)


def test_too_deep_nesting_is_refused() -> None:
    assert parse_form(b"a[1][2][3]=x", max_depth=3)
    with pytest.raises(PayloadError, match="deeper than 3"):
        parse_form(b"a[1][2][3][4]=x", max_depth=3)
    with pytest.raises(PayloadError):
        parse_form(b"a" + b"[b]" * 50_000 + b"=x")


@given(st.binary(max_size=300))
def test_no_body_raises_anything_but_payload_error(sent: bytes) -> None:
    try:
        form = parse_form(sent, max_keys=20, max_depth=3)
    except PayloadError:
        return
    assert all(isinstance(value, str | dict) for value in form.values())


@given(st.lists(st.tuples(st.text("ab[]0%", max_size=8), st.text(max_size=3)), max_size=12))
def test_conflicting_brackets_never_raise(pairs: list[tuple[str, str]]) -> None:
    parse_form("&".join(f"{key}={value}" for key, value in pairs).encode("utf-8", "replace"), max_depth=8)


def test_the_query_of_a_frame_is_read_alike() -> None:
    assert parse_query(b"DOMAIN=a.example&LANG=ru") == {"DOMAIN": "a.example", "LANG": "ru"}


@pytest.mark.parametrize(
    ("form", "value"),
    [
        ("x", "x"),
        ({"0": "a", "1": "b"}, ["a", "b"]),
        ({"1": "b", "0": "a"}, ["a", "b"]),
        ({"1": "b"}, {"1": "b"}),
        ({"00": "b"}, {"00": "b"}),
        ({}, []),
        ({"k": {"0": {"x": "1"}}}, {"k": [{"x": "1"}]}),
    ],
)
def test_consecutive_numbers_make_a_list(form: Any, value: Any) -> None:
    assert as_list(form) == value


def test_a_query_as_http_build_query_writes_it() -> None:
    params = {"id": 5, "f": {"a": [1, "б c"], "b": None, "empty": [], "x": {"on": True, "off": False}}, "t": "a&b=c"}
    assert build_query(params) == "id=5&f[a][0]=1&f[a][1]=%D0%B1%20c&f[x][on]=1&f[x][off]=0&t=a%26b%3Dc"


leaves = st.text(max_size=5)
names = st.text("abc", min_size=1, max_size=2)
trees = st.recursive(leaves, lambda inner: st.dictionaries(names, inner, min_size=1, max_size=3), max_leaves=6)


@given(st.dictionaries(names, trees, max_size=4))
def test_what_is_built_is_parsed_back(params: dict[str, Any]) -> None:
    def clean(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: clean(part) for key, part in value.items()}
        return value.replace("\x00", "")

    assert parse_form(build_query(params).encode(), max_depth=99) == clean(params)
