"""Why a bench gives no figures."""


class BenchFailed(Exception):
    """Nothing was measured, or what was measured means nothing; the message says why."""
