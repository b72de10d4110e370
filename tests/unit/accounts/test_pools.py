"""What replies tell of the rate-limit pools."""

from tests.unit.capture.answers import listing

from storykeep.accounts.pools import told
from storykeep.graph.usage import Pool, Usage


def test_an_account_s_pool_and_its_app_s_are_told_and_a_business_is_left_out() -> None:
    usage = Usage(app=Pool(12), pools={"645000": Pool(99), "1784a": Pool(81, 4)})
    assert told([listing("a", usage=usage)], "facebook") == {"1784a": Pool(81, 4), "app:facebook": Pool(12)}


def test_a_business_that_is_named_alone_tells_of_its_asker_s_pool() -> None:
    usage = Usage(pools={"645000": Pool(99, 4)}, fullest_instagram=Pool(99, 4))
    assert told([listing("a", usage=usage)], "facebook") == {"1784a": Pool(99, 4)}


def test_of_several_replies_the_fullest_counts_for_each_pool() -> None:
    answers = [
        listing("a", usage=Usage(app=Pool(30))),
        listing("a", usage=Usage(app=Pool(20), pools={"1784a": Pool(7)})),
        listing("b", usage=Usage(pools={"1784a": Pool(90), "1784b": Pool(1)})),
    ]
    assert told(answers, "instagram") == {"1784a": Pool(7), "1784b": Pool(1), "app:instagram": Pool(30)}


def test_no_header_tells_nothing() -> None:
    assert told([listing("a")], "facebook") == {}
