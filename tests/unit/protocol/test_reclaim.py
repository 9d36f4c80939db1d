"""A code that two people say over the telephone."""

from typing import Any

import hypothesis.strategies as st
import pytest
from hypothesis import given

from protocol.errors import Invalid
from protocol.reclaim import LETTERS, make_code, read_code

KEY = b"k" * 64
HERE: dict[str, Any] = {"edge": "store-1", "inc": "0a" * 16, "hub_inc": "0b" * 16, "ep": 2, "sku": "COAT-M"}


@given(returned=st.integers(min_value=0, max_value=10**9 - 1))
def test_a_code_says_how_many_units_were_given_back(returned: int) -> None:
    code = make_code(KEY, **HERE, returned=returned)

    assert read_code(code, KEY, **HERE) == returned
    assert read_code(code.lower().replace("-", " "), KEY, **HERE) == returned


def test_letters_that_are_taken_for_digits_do_no_harm() -> None:
    code = make_code(KEY, **HERE, returned=1)

    assert read_code(code.replace("1", "l").replace("0", "o"), KEY, **HERE) == 1


@pytest.mark.parametrize(
    "other",
    [
        {"edge": "store-2"},
        {"inc": "0c" * 16},
        {"hub_inc": "0c" * 16},
        {"ep": 3},
        {"sku": "COAT-L"},
    ],
    ids=["another store", "another life", "another hub", "another epoch", "another article"],
)
def test_a_code_is_for_one_article_of_one_store_in_one_epoch(other: dict[str, Any]) -> None:
    code = make_code(KEY, **HERE, returned=3)

    with pytest.raises(Invalid):
        read_code(code, KEY, **HERE | other)


@given(at=st.integers(min_value=0, max_value=9), letter=st.sampled_from(LETTERS))
def test_a_code_with_one_wrong_letter_is_refused(at: int, letter: str) -> None:
    code = make_code(KEY, **HERE, returned=3).replace("-", "")
    wrong = code[:at] + letter + code[at + 1 :]

    if wrong != code:
        with pytest.raises(Invalid):
            read_code(wrong, KEY, **HERE)


@pytest.mark.parametrize("code", ["", "-", "3", "!!!", "3-" + "0" * 9, "é" * 10, "9" * 60])
def test_what_is_no_code_is_refused_in_words(code: str) -> None:
    with pytest.raises(Invalid, match="not for this article"):
        read_code(code, KEY, **HERE)
