import signal
import subprocess
import sys

import pytest

PROGRAM = """
import sys, time
from dedup_pipeline.signals import Interrupted, interruptible, uninterrupted
try:
    with interruptible():
        try:
            print("working", flush=True)
            time.sleep(600)
        finally:
            with uninterrupted():
                print("cleaning up", flush=True)
                sys.stdin.readline()
                print("clean", flush=True)
except Interrupted:
    sys.stdin.readline()
    raise
"""


@pytest.mark.parametrize("request_to_end", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_cleaning_up_is_not_interrupted_by_an_impatient_person(request_to_end):
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with subprocess.Popen([sys.executable, "-c", PROGRAM], **pipes) as process:
        assert process.stdout.readline() == "working\n"
        process.send_signal(request_to_end)
        assert process.stdout.readline() == "cleaning up\n"
        process.send_signal(signal.SIGINT)
        process.stdin.write("\n")
        process.stdin.flush()
        assert process.stdout.readline() == "clean\n"
        process.send_signal(request_to_end)
        process.stdin.write("\n")
        process.stdin.close()
        assert process.wait(60) == 128 + request_to_end


def test_what_was_not_interrupted_leaves_everything_as_it_was():
    from dedup_pipeline.signals import interruptible

    before = signal.getsignal(signal.SIGTERM)
    with interruptible():
        assert signal.getsignal(signal.SIGTERM) is not before
    assert signal.getsignal(signal.SIGTERM) is before


def test_what_a_process_was_started_to_ignore_it_ignores():
    from dedup_pipeline.signals import interruptible

    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)  # as nohup does
    try:
        with interruptible():
            signal.raise_signal(signal.SIGHUP)
        assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)
