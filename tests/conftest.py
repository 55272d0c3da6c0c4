from __future__ import annotations

import os

from hypothesis import HealthCheck, settings

# Derandomised: a failure in CI is the failure on the desk. Kernels compile on first use, so no deadline.
settings.register_profile(
    "house", derandomize=True, deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow]
)
settings.register_profile("long", deadline=None, max_examples=2000, suppress_health_check=list(HealthCheck))
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "house"))
