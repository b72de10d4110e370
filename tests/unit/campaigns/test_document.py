from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path

import pytest

from storykeep.campaigns.document import Document, read_document
from storykeep.errors import StorykeepError

BRAND = """
brands:
  - {brand_id: lumen, name: Lumen Skin, time_zone: Europe/Berlin, currency: EUR}
"""
GOOD = {
    "campaign_id": "glow",
    "brand_id": "lumen",
    "name": "Glow Week",
    "starts_at": "2026-11-01T00:00:00+01:00",
    "ends_at": "2026-11-08T00:00:00+01:00",
    "cost": "3200.50",
    "currency": "EUR",
    "rules": "[{kind: hashtag, value: glow}]",
    "participants": "[{username: '@Nora', from: 2026-11-01T00:00:00Z, to: 2026-11-08T00:00:00Z}]",
}


def _part(*fields: str) -> str:
    """A roster of one participant, with more fields."""
    return f"[{{{', '.join(['username: nora', 'from: 2026-11-01T00:00:00Z', 'to: 2026-11-08T00:00:00Z', *fields])}}}]"


def _promise(*fields: str) -> str:
    """One deliverable, with other fields."""
    good = {"deliverable_id": "d", "kind": "story", "quantity": "2", "due_at": "2026-11-05T12:00:00Z"}
    other = dict(field.split(": ") for field in fields)
    return f"[{{{', '.join(f'{key}: {value}' for key, value in (good | other).items())}}}]"


@pytest.fixture
def read(tmp_path: Path) -> "Reader":
    return Reader(tmp_path / "campaigns.yaml")


class Reader:
    def __init__(self, path: Path) -> None:
        self.path = path

    def text(self, text: str) -> Document:
        self.path.write_text(text, encoding="utf-8")
        return read_document(self.path)

    def campaign(self, **changes: str | None) -> Document:
        """The good campaign with changed keys; a key of None is left out."""
        keys = {key: value for key, value in (GOOD | changes).items() if value is not None}
        return self.text(BRAND + "campaigns:\n  - " + "\n    ".join(f"{key}: {value}" for key, value in keys.items()))

    def fault(self, **changes: str | None) -> StorykeepError:
        document = self.campaign(**changes)
        assert len(document.faults) == 1, document.faults
        assert document.faults[0].remedy
        return document.faults[0]


def test_reads_brand_campaign_rule_and_participant(read: Reader) -> None:
    document = read.campaign()
    assert document.faults == ()
    assert document.brands["campaigns.yaml: brand 'lumen'"].time_zone == "Europe/Berlin"
    campaign = document.campaigns["campaigns.yaml: campaign 'glow'"]
    assert campaign.starts_at == datetime(2026, 11, 1, tzinfo=timezone(timedelta(hours=1)))
    assert campaign.starts_at.tzinfo == UTC
    assert campaign.cost == Decimal("3200.50")
    assert [(rule.kind, rule.value) for rule in campaign.rules] == [("hashtag", "glow")]
    assert [one.username for one in campaign.participants] == ["nora"]


def test_what_is_not_known_or_not_agreed_may_be_left_out(read: Reader) -> None:
    campaign = read.campaign(cost=None, rules=None).campaigns["campaigns.yaml: campaign 'glow'"]
    assert (campaign.cost, campaign.scope, campaign.rules, campaign.deliverables) == (None, "participants", (), ())
    assert campaign.participants[0].fee is None


def test_reads_scope_fee_and_deliverables(read: Reader) -> None:
    document = read.campaign(
        scope="all", participants=_part("fee: 450.50"), deliverables=_promise("username: '@Nora'", "kind: reel")
    )
    campaign = document.campaigns["campaigns.yaml: campaign 'glow'"]
    assert (campaign.scope, campaign.participants[0].fee) == ("all", Decimal("450.50"))
    (promised,) = campaign.deliverables
    assert (promised.deliverable_id, promised.username, promised.kind, promised.quantity) == ("d", "nora", "reel", 2)
    assert promised.due_at == datetime(2026, 11, 5, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        ("lumen.example", "lumen.example"),
        ("https://www.Lumen.example/", "lumen.example"),
        ("HTTP://lumen.example/Glow/Week/", "lumen.example/Glow/Week"),
        ("www.example", "www.example"),
        ("youtube.example/@lumen", "youtube.example/@lumen"),
        ("münchen.example/glück", "münchen.example/glück"),
    ],
)
def test_links_are_a_host_and_a_path(read: Reader, written: str, kept: str) -> None:
    document = read.campaign(rules=f"[{{kind: link, value: '{written}'}}]")
    assert [rule.value for rule in document.campaigns["campaigns.yaml: campaign 'glow'"].rules] == [kept]


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        ("glow", "glow"),
        ("'#Glow'", "glow"),
        ("'\N{FULLWIDTH NUMBER SIGN}Glow'", "glow"),
        ("'@lumen.skin'", "lumen.skin"),
        ("' glow '", "glow"),
    ],
)
def test_rules_lose_their_mark(read: Reader, written: str, kept: str) -> None:
    document = read.campaign(rules=f"[{{kind: hashtag, value: {written}}}]")
    assert [rule.value for rule in document.campaigns["campaigns.yaml: campaign 'glow'"].rules] == [kept]


@pytest.mark.parametrize(
    ("changes", "place", "what"),
    [
        ({"campaign_id": None}, "campaign_id", "Field required"),
        ({"campaign_id": "7"}, "campaign_id", "valid string (it is 7)"),
        ({"name": "' '"}, "name", "is empty"),
        ({"currency": "euro"}, "currency", "(it is 'euro')"),
        ({"cost": "-1"}, "cost", "greater than or equal to 0"),
        ({"cost": ".nan"}, "cost", "finite"),
        ({"cost": "1.005"}, "cost", "2 decimal places"),
        ({"cost": "true"}, "cost", "is not a number"),
        ({"cost": "many"}, "cost", "valid decimal"),
        ({"starts_at": "2026-11-01"}, "starts_at", "is not a moment in time"),
        ({"starts_at": "'2026-11-01'"}, "starts_at", "is not a moment in time"),
        ({"starts_at": "next week, on Monday"}, "starts_at", "'next week, on Monday' is not a time"),
        ({"starts_at": "2026-11-08T00:00:00+01:00"}, "", "starts_at is not before ends_at"),
        ({"start_at": "2026-11-01T00:00:00Z"}, "start_at", "Extra inputs are not permitted"),
        ({"rules": "[{kind: url, value: x.example}]"}, "rules[0].kind", "'hashtag', 'mention' or 'link'"),
        ({"rules": "[{kind: link, value: glow}]"}, "rules[0].value", "is no host with or without a path"),
        ({"rules": "[{kind: link, value: 'lumen.example/?utm=1'}]"}, "rules[0].value", "is no host"),
        ({"rules": "[{kind: link, value: 'ftp://lumen.example'}]"}, "rules[0].value", "is no host"),
        ({"rules": "[{kind: link, value: 'ida@lumen.example'}]"}, "rules[0].value", "is no host"),
        (
            {"rules": "[{kind: link, value: Lumen.example}, {kind: link, value: 'https://www.lumen.example/'}]"},
            "",
            "link lumen.example stands 2 times",
        ),
        ({"rules": '[{kind: mention, value: "a\\0"}]'}, "rules[0].value", "is not one hashtag or handle"),
        ({"scope": "everybody"}, "scope", "'participants' or 'all'"),
        ({"scope": "all", "rules": None}, "", "scope all without rules would take every story of every account"),
        ({"scope": "all", "rules": "[]"}, "", "scope all without rules would take every story of every account"),
        ({"participants": _part("fee: -1")}, "participants[0].fee", "greater than or equal to 0"),
        ({"participants": _part("fee: true")}, "participants[0].fee", "is not a number"),
        ({"deliverables": _promise("quantity: 0")}, "deliverables[0].quantity", "greater than or equal to 1"),
        ({"deliverables": _promise("quantity: 1.5")}, "deliverables[0].quantity", "valid integer"),
        ({"deliverables": _promise("kind: live")}, "deliverables[0].kind", "'story', 'post' or 'reel'"),
        ({"deliverables": _promise("due_at: 2026-11-05")}, "deliverables[0].due_at", "is not a moment in time"),
        ({"deliverables": _promise("due_at: 2026-10-31T23:00:00Z")}, "", "'d' is due before the campaign starts"),
        ({"deliverables": _promise("username: omar")}, "", "@omar promised 'd' and takes no part"),
        ({"deliverables": f"{_promise()[:-1]}, {_promise()[1:]}"}, "", "the deliverable d stands 2 times"),
        ({"rules": "[{kind: hashtag, value: two words}]"}, "rules[0].value", "is not one hashtag or handle"),
        ({"rules": "[{kind: hashtag, value: '#'}]"}, "rules[0].value", "is not one hashtag or handle"),
        ({"rules": "[{kind: hashtag, value: a}, {kind: hashtag, value: A}]"}, "", "hashtag a stands 2 times"),
        ({"participants": None}, "participants", "Field required"),
        ({"participants": "[nora]"}, "participants[0]", "(it is 'nora')"),
        (
            {"participants": "[{username: n, from: 2026-11-02T00:00:00Z, to: 2026-11-01T00:00:00Z}]"},
            "participants[0]",
            "from is not before to",
        ),
        (
            {
                "participants": "[{username: n, from: 2026-11-01T00:00:00Z, to: 2026-11-03T00:00:00Z},"
                " {username: N, from: 2026-11-02T00:00:00Z, to: 2026-11-04T00:00:00Z}]"
            },
            "",
            "participant @n overlap",
        ),
    ],
)
def test_a_fault_is_told_with_its_place(read: Reader, changes: dict[str, str | None], place: str, what: str) -> None:
    fault = read.fault(**changes)
    campaign = "campaign number 1" if "campaign_id" in changes else "campaign 'glow'"
    assert fault.where == f"campaigns.yaml: {campaign}{place and ': '}{place}"
    assert what in fault.what


def test_all_faults_are_told_at_once(read: Reader) -> None:
    document = read.text(
        """
        brands:
          - {brand_id: a, name: A, time_zone: Mars/Olympus, currency: EUR}
          - {brand_id: b, name: B, time_zone: UTC, currency: EUR}
          - {brand_id: b, name: B again, time_zone: UTC, currency: EUR}
        campaigns:
          - {campaign_id: c}
        """
    )
    places = {fault.where for fault in document.faults}
    needed = ("brand_id", "name", "starts_at", "ends_at", "currency", "participants")
    assert places == {
        "campaigns.yaml: brand 'a': time_zone",
        "campaigns.yaml: brand 'b'",
        *(f"campaigns.yaml: campaign 'c': {key}" for key in needed),
    }
    assert document.brand_ids == {"a", "b"}


@pytest.mark.parametrize("contact", ["ida@lumen.example", "", "ida", "ida@lumen, bo@lumen", "Ida <ida@lumen.example>"])
def test_a_brands_contact_is_one_e_mail_address_or_nobody(read: Reader, contact: str) -> None:
    document = read.text(
        f"brands: [{{brand_id: a, name: A, time_zone: UTC, currency: EUR, contact: {contact!r}}}]\ncampaigns: []"
    )
    if contact == "ida@lumen.example":
        assert [brand.contact for brand in document.brands.values()] == [contact]
    else:
        (fault,) = document.faults
        assert fault.where == "campaigns.yaml: brand 'a': contact"
        assert "is no e-mail address" in fault.what


@pytest.mark.parametrize("content", ["", "- a", "brands: {}\ncampaigns: 3", "brand: []", "x: [", "brands: 7"])
def test_another_shape_is_refused(read: Reader, content: str) -> None:
    with pytest.raises(StorykeepError) as told:
        read.text(content)
    assert told.value.where == str(read.path)
    assert told.value.remedy


def test_impossible_dates_are_told(read: Reader) -> None:
    with pytest.raises(StorykeepError, match="month must be in"):
        read.campaign(starts_at="2026-13-01T00:00:00Z")


def test_yaml_makes_no_objects(read: Reader, tmp_path: Path) -> None:
    with pytest.raises(StorykeepError, match="is not YAML"):
        read.text(f"brands: !!python/object/apply:os.mkdir ['{tmp_path / 'made'}']")
    assert not (tmp_path / "made").exists()


def test_a_missing_file_is_told(read: Reader) -> None:
    with pytest.raises(StorykeepError, match="cannot be read"):
        read_document(read.path)
