import struct

from storykeep.sandbox.world.media_bytes import jpeg, mp4


def segments(image: bytes) -> list[int]:
    """Walk the markers of a JPEG up to its scan, trusting only the lengths in it."""
    found, place = [], 2
    while True:
        marker, length = image[place + 1], struct.unpack(">H", image[place + 2 : place + 4])[0]
        assert image[place] == 0xFF
        found.append(marker)
        place += 2 + length
        if marker == 0xDA:
            return found


def test_images_are_whole_jpegs_and_differ_by_story():
    images = [jpeg(f"1800000000000{number}") for number in range(300)]
    assert len(set(images)) == 300
    for image in images:
        assert image[:2] == b"\xff\xd8"
        assert image[-2:] == b"\xff\xd9"
        assert segments(image) == [0xE0, 0xFE, 0xDB, 0xC0, 0xC4, 0xC4, 0xDA]
    assert jpeg("1") == jpeg("1")


def test_videos_are_whole_boxes_and_differ_by_story():
    video, kinds, place = mp4("1"), [], 0
    while place < len(video):
        length, kind = struct.unpack(">I4s", video[place : place + 8])
        kinds.append(kind)
        place += length
    assert place == len(video)
    assert kinds == [b"ftyp", b"free", b"mdat"]
    assert mp4("1") != mp4("2")
