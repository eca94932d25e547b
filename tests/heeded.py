"""Signals that the tests send to what they start."""

import signal


def heed_requests_to_end() -> None:
    """Have what is started from here on heed requests to end, also where this program was started to ignore them.

    A shell without job control has what it starts in the background ignore Ctrl-C, and nohup a closed terminal; both
    are inherited. A handler is not, so that this program goes on to ignore them.
    """
    for request in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(request) is signal.SIG_IGN:
            signal.signal(request, lambda *_: None)
