from datetime import UTC, datetime

from storykeep.sandbox.world.ids import IdSpace, fraction, ig_id, shortcode


def test_ids_decode_to_their_numbers():
    space = IdSpace(18_000_000_000_000_000, 14, 7)
    numbers = [0, 1, 2, 999, 2**41]
    ids = [space.encode(number) for number in numbers]
    assert [space.decode(text) for text in ids] == numbers
    assert len(set(ids)) == len(numbers)
    assert all(len(text) == 17 and text.startswith("180") for text in ids)


def test_foreign_ids_do_not_decode():
    space = IdSpace(18_000_000_000_000_000, 14, 7)
    for text in ("", "abc", "17999999999999999", "18999999999999999", "9" * 40, "١٨٠"):
        assert space.decode(text) is None


def test_ig_id_carries_its_time():
    posted = datetime(2026, 11, 21, 10, 15, tzinfo=UTC)
    number = ig_id(posted, 7_000, 12345)
    assert len(str(number)) == 19
    assert (number >> 23) + 1_314_220_021_721 == int(posted.timestamp() * 1000) + 7_000


def test_shortcode_is_base_64_of_the_url_alphabet():
    assert shortcode(0b000001_000000_111111) == "BA_"


def test_a_shortcode_reads_back_as_its_number():
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    for number in (1, 64, 3_500_000_000_000_000_011, 2**64 - 1):
        value = 0
        for letter in shortcode(number):
            value = value * 64 + alphabet.index(letter)
        assert value == number


def test_fractions_are_even_and_the_same_for_the_same_parts():
    drawn = [fraction("x", number) for number in range(2000)]
    assert drawn == [fraction("x", number) for number in range(2000)]
    assert all(0 <= one < 1 for one in drawn)
    assert 0.45 < sum(one < 0.5 for one in drawn) / 2000 < 0.55
    assert fraction("x", 1, 23) != fraction("x", 12, 3)
