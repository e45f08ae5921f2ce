"""Whether this machine still hears of releases; read off what the last look left, nobody is asked."""

from agent.doctor.finding import Finding, guarded, warned, well
from agent.settings import ProviderSettings
from agent.update.keeper import require_pin
from agent.update.release import installed_version, is_newer
from agent.update.seen import Seen, load_seen
from marketplace.protocol.units import SECONDS_PER_HOUR

LATE = 3
"""So many times its interval a look may be overdue."""
_LOOK = "`hive provider update --check` says more."


def check_updates(settings: ProviderSettings, now: float) -> Finding:
    """When releases were verified last, and whether one is newer. Raises SettingsError, AgentError."""
    require_pin(settings)
    return judge(load_seen(settings.data / "update"), installed_version(), settings.update_hours, now)


def judge(seen: Seen, installed: str, every_hours: int, now: float) -> Finding:
    """The finding; `installed` is this program's version."""
    if not seen.verified_at:
        return warned("updates", "no release was verified yet" + (f": {seen.refusal}" if seen.refusal else ""), _LOOK)
    hours = max(0.0, now - seen.verified_at) / SECONDS_PER_HOUR
    found = f"version {seen.highest} was verified {hours:.0f} hours ago"
    if hours > LATE * every_hours or now >= seen.valid_until:
        why = f": {seen.refusal}" if seen.refusal else ""
        return warned("updates", f"{found}, and nothing since{why}", f"A hole may stay open unseen. {_LOOK}")
    if is_newer(seen.highest, installed):
        return warned("updates", f"{found}; this is {installed}", "`hive provider update` installs it.")
    return well("updates", f"{found}; this is {installed}")


def examine_updates(settings: ProviderSettings, now: float) -> list[Finding]:
    """The check, where updates are wanted; nothing where they are not."""
    if settings.self_update == "off":
        return []
    return [guarded("updates", _LOOK, lambda: check_updates(settings, now))]
