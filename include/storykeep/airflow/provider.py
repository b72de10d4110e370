"""What Storykeep tells Airflow about itself."""

from typing import Any


def get_provider_info() -> dict[str, Any]:
    """The provider's name and its connection types, as Airflow's provider entry point asks for them."""
    return {
        "package-name": "storykeep",
        "name": "Storykeep",
        "description": "Keeps Instagram Stories and their numbers.",
        "connection-types": [
            {
                "connection-type": "instagram_graph",
                "hook-class-name": "storykeep.airflow.hook.InstagramGraphHook",
                "hook-name": "Instagram Graph API",
            }
        ],
    }
