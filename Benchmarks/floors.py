"""What the bytes of a step cost at least, whatever is done with them: a bare echo, a bare commit, a SHA-256."""

import hashlib
import os
import subprocess
import sys
import time

from durability import MOVE_AFTER, bare_database
from wire import Wire


class Floors:
    def __init__(self, body, directory):
        self.body, self.unmoved = body, 0
        self.peer = subprocess.Popen(
            [sys.executable, os.path.join(os.path.dirname(__file__), "wire.py")], stdout=subprocess.PIPE, text=True)
        self.wire = Wire(("127.0.0.1", int(self.peer.stdout.readline())), len(body))
        self.database = bare_database(os.path.join(directory, "bare.sqlite"))
        for floor in (self.echo, self.commit, self.digest):
            floor()

    def echo(self):
        self.wire.echo(self.body)

    def commit(self):
        self.database.execute("INSERT INTO body (bytes) VALUES (?)", (self.body,))
        self.unmoved += len(self.body)

    def digest(self):
        hashlib.sha256(self.body).digest()

    def turn(self, floor, seconds):
        """The mean milliseconds of a floor, over a part of the time that a contestant's turn takes: it needs no more."""
        times = []
        while sum(times) < seconds / 3:
            began = time.perf_counter()
            floor()
            times.append(time.perf_counter() - began)
            if self.unmoved > MOVE_AFTER:  # the server does this behind the commits' back
                self.database.execute("DELETE FROM body")
                self.database.execute("PRAGMA wal_checkpoint(PASSIVE)")
                self.unmoved = 0
        return {"ms": sum(times) / len(times) * 1000}

    def end(self):
        self.wire.socket.close()
        self.database.close()
        self.peer.wait()
