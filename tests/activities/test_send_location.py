"""Coordinates as people paste them: both in one field, with commas, signs and degrees of maps."""

from typing import Any

import pytest

from tests.activities.desk import content, refusal, sent

EXAMPLE = {"latitude": "54.9885, 73.3686"}
OMSK = (54.9885, 73.3686)


def point(**raw: Any) -> tuple[float, float]:
    body = sent("send_location", **raw)["message"]
    return body["latitude"], body["longitude"]


def test_its_fields() -> None:
    assert content("send_location") == ["latitude double!", "longitude double!", "place string", "address string"]


@pytest.mark.parametrize(
    "pair",
    ["54.9885, 73.3686", "54,9885; 73,3686", "54,9885 73,3686", "54.9885,73.3686", "54,9885,73,3686", "54,9885, 73,3686",
     "54.9885;73.3686", "54.9885 73.3686", " (54.9885, 73.3686) ", "[54.9885,73.3686]", "54.9885°, 73.3686°",
     "54.9885\u00a073.3686", "54.9885 / 73.3686", "+54.9885, +73.3686", "54.9885\n73.3686", ["54.9885, 73.3686"],
     {"0": "54.9885, 73.3686"}],
)  # fmt: skip
@pytest.mark.parametrize("field", ["latitude", "longitude"])
def test_a_pair_in_either_field_fills_both(pair: Any, field: str) -> None:
    assert point(**{field: pair}) == OMSK


def test_a_pair_in_both_fields_is_one() -> None:
    assert point(latitude="54.9885, 73.3686", longitude="54,9885; 73,3686") == OMSK


def test_a_pair_beside_its_own_half_is_one() -> None:
    assert point(latitude="54.9885, 73.3686", longitude="73,3686") == OMSK


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        ({"latitude": "54,9885", "longitude": "73,3686"}, OMSK),
        ({"latitude": " 54.9885 ", "longitude": "73.3686°"}, OMSK),
        ({"latitude": "−33.8", "longitude": "–70"}, (-33.8, -70)),
        ({"latitude": "-33.8, -70.5"}, (-33.8, -70.5)),
        ({"latitude": "54, 73"}, (54, 73)),
        ({"latitude": "54,73.5"}, (54, 73.5)),
        ({"latitude": "54.5,73"}, (54.5, 73)),
        ({"latitude": 54.9885, "longitude": 73.3686}, OMSK),
        ({"Latitude": "54.9885", "LONGITUDE": "73.3686"}, OMSK),
        ({"latitude": "-90", "longitude": "-180"}, (-90, -180)),
        ({"latitude": "90", "longitude": "180"}, (90, 180)),
        ({"latitude": "0", "longitude": "0"}, (0, 0)),
    ],
)
def test_numbers_as_people_write_them(raw: dict[str, Any], expected: tuple[float, float]) -> None:
    assert point(**raw) == expected


@pytest.mark.parametrize(
    ("raw", "code", "words"),
    [
        ({"latitude": "54,73"}, "value_missing", "«Долгота»"),
        ({"latitude": "", "longitude": ""}, "value_missing", "«Широта»"),
        ({"latitude": "90.1, 10"}, "value_invalid", "«Широта» неверное значение: «90.1». Укажите число от -90 до 90."),
        ({"latitude": "10; 180,5"}, "value_invalid", "«Долгота» неверное значение: «180.5». Укажите число от -180 до 180."),
        ({"latitude": "90,0001", "longitude": "0"}, "value_invalid", "Укажите число от -90 до 90."),
        ({"latitude": "0", "longitude": "-180.0001"}, "value_invalid", "Укажите число от -180 до 180."),
        ({"latitude": "Омск", "longitude": "73"}, "value_invalid", "«Омск»"),
        ({"latitude": "54 73", "longitude": "10"}, "value_invalid", "пара координат"),
        ({"latitude": "54.1, 73.1", "longitude": "54.2, 73.2"}, "value_invalid", "пара координат"),
        ({"latitude": "54.1, 73.1, 5", "longitude": "1"}, "value_invalid", "«Широта»"),
        ({"latitude": "nan", "longitude": "1"}, "value_invalid", "«Широта»"),
        ({"latitude": "1", "longitude": "1", "place": "x" * 1001}, "text_too_long", "«Название места»"),
        ({"latitude": "1", "longitude": "1", "address": "x" * 1001}, "text_too_long", "«Адрес»"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_in_words(raw: dict[str, Any], code: str, words: str) -> None:
    error = refusal("send_location", **raw)
    assert error.code == code
    assert words in error.text.ru
