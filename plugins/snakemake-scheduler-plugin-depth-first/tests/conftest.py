"""Made-up DAGs are drawn on any machine."""

from hypothesis import HealthCheck, settings

# How long an example takes depends on the machine, and on what else it does.
slow = [HealthCheck.too_slow]
settings.register_profile("any machine", deadline=None, suppress_health_check=slow)
settings.load_profile("any machine")
