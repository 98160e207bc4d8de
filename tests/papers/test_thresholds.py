import copy

from ntk_repro.papers import thresholds
from ntk_repro.report.markdown import statements_page


def test_a_threshold_is_its_number_and_keeps_its_words():
    found = copy.deepcopy(thresholds.MUCH)
    assert found == 2.0
    assert "far below" in found.words


def test_no_word_has_two_thresholds_and_the_page_shows_all():
    found = [value for value in vars(thresholds).values() if isinstance(value, thresholds.Threshold)]
    words = [word.strip() for one in found for word in one.words.split(";")[0].split(", ")]
    assert len(set(words)) == len(words)
    page = statements_page({})
    assert all(one.meaning in page for one in found)
