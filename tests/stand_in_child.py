"""A decoding child that does what the bytes tell it: it crashes, ends, sleeps, talks nonsense."""

import os
import signal
import socket
import time

from dedup_pipeline.pictures.decoding.child import NO_MEMORY_EXIT, READY, REQUEST, receive


def main():
    with socket.socket(fileno=0) as parent:
        parent.sendall(READY)
        while (head := receive(parent, REQUEST.size)) is not None:
            what = receive(parent, REQUEST.unpack(head)[-1]).decode()
            if what == "crash":
                os.kill(os.getpid(), signal.SIGSEGV)
            elif what == "killed":
                os.kill(os.getpid(), signal.SIGKILL)
            elif what == "no memory":
                os._exit(NO_MEMORY_EXIT)
            elif what == "exit":
                os._exit(1)
            elif what == "sleep":
                time.sleep(60)
            elif what == "nonsense":
                parent.sendall(b"\xff" * 100)
            else:
                raise AssertionError(what)


if __name__ == "__main__":
    main()
