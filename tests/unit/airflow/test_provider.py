"""Airflow finds the provider and takes it as it is."""

import json
from importlib.metadata import entry_points
from pathlib import Path

import jsonschema

from storykeep.airflow.provider import get_provider_info


def test_the_entry_point_leads_to_the_provider() -> None:
    ours = [point for point in entry_points(group="apache_airflow_provider") if point.value.startswith("storykeep.")]
    assert [point.load() for point in ours] == [get_provider_info]


def test_it_is_written_as_airflow_wants_it() -> None:
    import airflow

    schema = json.loads((Path(airflow.__file__).parent / "provider_info.schema.json").read_text())
    jsonschema.validate(get_provider_info(), schema)


def test_airflow_knows_the_connection_type_and_its_hook() -> None:
    from airflow.sdk.providers_manager_runtime import ProvidersManagerTaskRuntime

    from storykeep.airflow.hook import InstagramGraphHook

    hook = ProvidersManagerTaskRuntime().hooks[InstagramGraphHook.conn_type]
    assert hook is not None
    assert (hook.package_name, hook.hook_name) == ("storykeep", InstagramGraphHook.hook_name)
    assert hook.hook_class_name == f"{InstagramGraphHook.__module__}.{InstagramGraphHook.__qualname__}"
    assert hook.connection_id_attribute_name == InstagramGraphHook.conn_name_attr
