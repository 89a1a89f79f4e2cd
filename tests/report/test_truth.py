"""Sites of which the truth is known: how often the reports are wrong about them."""

from tests.report.truth import count_rates


def test_verdicts_are_hardly_ever_made_by_chance_and_hardly_ever_missed():
    """A thousand sites, by hand: at most 1.5 % wrong. Here a few, always the same."""
    rates = count_rates(30)

    assert len(rates) == 15 and all(asked >= 10 for _, asked in rates.values())
    assert {question: wrong for question, (wrong, _) in rates.items() if wrong > 1} == {}
    assert sum(wrong for wrong, _ in rates.values()) <= 3
