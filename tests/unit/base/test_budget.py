from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from wicketgate.base.budget import Budget


def test_a_share_that_is_taken_up_leaves_the_others() -> None:
    budget = Budget(10)
    assert budget.take(4, ("a", 5)) is None
    assert budget.take(2, ("a", 5)) == "a"
    assert budget.take(5, ("b", 5)) is None
    assert budget.take(2, ("c", 5)) == "all"
    budget.give(4, ("a", 5))
    assert budget.take(5, ("a", 5)) is None
    assert budget.taken == 10
    assert budget.refused == {"own": 1, "all": 1}


def test_what_does_not_fit_one_of_two_shares_takes_of_neither() -> None:
    budget = Budget(100)
    assert budget.take(6, ("peer", 10), ("strangers", 8)) is None
    assert budget.take(3, ("other", 10), ("strangers", 8)) == "strangers"
    assert budget.take(8, ("other", 10)) is None


@given(st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 8))))
def test_whatever_is_taken_can_be_given_back(asked: list[tuple[str, int]]) -> None:
    budget, taken = Budget(20), []
    for key, size in asked:
        if budget.take(size, (key, 9)) is None:
            taken.append((key, size))
        assert budget.taken == sum(size for _, size in taken) <= 20
        assert all(sum(size for key, size in taken if key == one) <= 9 for one in "abc")
    for key, size in taken:
        budget.give(size, (key, 9))
    assert budget.taken == 0
    assert budget.take(9, ("a", 9)) is None
