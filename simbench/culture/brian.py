"""Brian2, imported once and made fit for unattended runs."""

import signal
from types import ModuleType
from unittest.mock import patch


def load_brian2() -> ModuleType:
    """Import Brian2 in any thread, and leave Ctrl-C an error.

    On import Brian2 installs a handler of its own for Ctrl-C, which only the main thread may do,
    and which ends a running simulation early as if it were complete.
    """
    with patch.object(signal, "signal"):
        import brian2
    brian2.prefs.core.stop_on_keyboard_interrupt = False  # had somebody imported it before
    # An interrupted build leaves objects behind that no network took: no news for anybody.
    brian2.BrianLogger.suppress_name("unused_brian_object")
    return brian2
