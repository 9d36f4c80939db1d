import pytest

from protocol.ids import format_number, is_edge_name, parse_slip_code, slip_code


def test_a_number_names_the_store_and_the_life_of_its_database() -> None:
    assert format_number("LB", 1, 42) == "LB1-00042"
    assert format_number("LB", 2, 7, "Z") == "LB2-Z00007"


@pytest.mark.parametrize("name", ["store-1", "abc", "warehouse-wakefield"])
def test_a_plain_name_may_be_an_edge(name: str) -> None:
    assert is_edge_name(name)


@pytest.mark.parametrize("name", ["", "ab", "Store-1", "a/b", "a+b", "#", "hub", "hub-1", "a" * 41, "störe"])
def test_a_name_that_could_reach_another_topic_may_not_be_an_edge(name: str) -> None:
    assert not is_edge_name(name)


def test_a_slip_code_reads_back_as_what_was_printed() -> None:
    assert parse_slip_code(slip_code("or", "LB1-00042", 2)) == ("or", "LB1-00042", 2)


@pytest.mark.parametrize(
    "misread", ["", "OS1:or:LB1-00042:1:", "OS1:or:LB1-00042:1", "4006381333931", "OS2:or:x:1:A"]
)
def test_what_is_not_one_of_our_slips_is_no_slip(misread: str) -> None:
    assert parse_slip_code(misread) is None


def test_a_slip_with_two_neighbouring_digits_swapped_is_noticed() -> None:
    code = slip_code("or", "LB1-00042", 1)

    assert parse_slip_code(code.replace("00042", "00024")) is None
