"""What the bytes of a step cost at least, whatever is done with them: a bare echo, a bare commit, a SHA-256."""

import hashlib
import os
import subprocess
import sys
import time

from durability import MOVE_AFTER, bare_database
from wire import Wire

NAMES = ("echo", "commit", "digest")


class Floors:
    def __init__(self, body, directory):
        self.body, self.unmoved = body, 0
        self.peer = subprocess.Popen(
            [sys.executable, os.path.join(os.path.dirname(__file__), "wire.py")], stdout=subprocess.PIPE, text=True)
        self.wire = Wire(("127.0.0.1", int(self.peer.stdout.readline())), len(body))
        self.database = bare_database(os.path.join(directory, "bare.sqlite"))
        for name in NAMES:
            self.once(name)

    def echo(self):
        self.wire.echo(self.body)

    def commit(self):
        self.database.execute("INSERT INTO body (bytes) VALUES (?)", (self.body,))
        self.unmoved += len(self.body)

    def digest(self):
        hashlib.sha256(self.body).digest()

    def once(self, name):
        """Milliseconds of one."""
        floor = getattr(self, name)
        began = time.perf_counter()
        floor()
        took = (time.perf_counter() - began) * 1000
        if self.unmoved > MOVE_AFTER:  # the server does this behind the commits' back
            self.database.execute("DELETE FROM body")
            self.database.execute("PRAGMA wal_checkpoint(PASSIVE)")
            self.unmoved = 0
        return took

    def turn(self, name, seconds):
        """The mean, over a third of the time that a contestant's turn takes: it needs no more."""
        times = []
        while sum(times) < seconds / 3 * 1000:
            times.append(self.once(name))
        return {"ms": sum(times) / len(times)}

    def end(self):
        self.wire.socket.close()
        self.database.close()
        self.peer.wait()
