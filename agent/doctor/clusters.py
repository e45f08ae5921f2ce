"""The Ray cluster that the settings name: whether it can be used, which of its machines, and for how many jobs."""

from collections.abc import Sequence

from agent.adapters.ray import RayAdapter, open_ray
from agent.clusters.machines import Fleet
from agent.doctor.finding import Finding, failed, warned, well
from agent.settings import ProviderSettings
from marketplace.errors import MarketError

_UNITS = "COMPUTEHIVE_AGENT_UNITS"


def check_cluster(settings: ProviderSettings) -> list[Finding]:
    """Whether the cluster can be used; nothing where the settings name none. Starts nothing that it does not end."""
    if not settings.ray_address:
        return []
    try:
        adapter: RayAdapter = open_ray(settings.adapters)
    except MarketError as error:
        remedy = error.hint or "Look into Ray's logs on its head."
        return [failed("cluster", error.message, remedy)]
    adapter.close()
    return judge_fleet(settings.ray_address, adapter.fleet, settings.units)


def judge_fleet(address: str, fleet: Fleet, units: int) -> Sequence[Finding]:
    """What of a cluster is offered, what not, and whether so many jobs of one unit fit onto its machines."""
    gpus = sum(len(each.gpus) for each in fleet.machines)
    found = f"{len(fleet.machines)} machines, {fleet.cores} cores, {fleet.memory_mb} MB, {gpus} GPUs"
    whole = well("cluster", f"{address}: {found}")
    unfit = [warned(f"cluster {each.host}", each.fault, "Its capacity is not offered.") for each in fleet.unfit]
    short = [each for each in fleet.machines if each.note]
    noted = [warned(f"cluster {each.host}", each.note, "The others are not offered.") for each in short]
    return [whole, _judge_units(fleet, units), *unfit, *noted]


def _judge_units(fleet: Fleet, units: int) -> Finding:
    places = fleet.count_places(units)
    found = f"{places} jobs of one unit fit onto its machines at once, of {units}"
    if places >= units:
        return well("cluster units", found)
    return warned("cluster units", found, f"Others wait for room. Choose {_UNITS} so that a unit divides each machine.")
