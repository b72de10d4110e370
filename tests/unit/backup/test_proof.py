"""How two sets of proofs compare."""

from storykeep.backup.proof import Compared, Proof, compare


def proof(rows: int, content: str = "0") -> Proof:
    return Proof(rows=rows, hash=content)


def test_every_table_of_either_side_is_told_and_what_differs() -> None:
    told = {"d": proof(2, "7"), "c": proof(3), "b": proof(2, "7"), "a": proof(4)}
    found = {"d": proof(2, "7"), "c": proof(2), "b": proof(2, "8"), "e": proof(0)}
    assert compare(told, found) == [
        Compared("a", 0, "is missing"),
        Compared("b", 2, "has other content"),
        Compared("c", 2, "had 3 rows"),
        Compared("d", 2, "equal"),
        Compared("e", 0, "is not in the dump"),
    ]
