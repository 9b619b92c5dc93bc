#!/usr/bin/env python3
"""Measures the socket server alone, against programs that do nothing else, in turn and in one run.

1. `GET /healthz/live` under wrk with 64 connections, against nginx that returns the same bytes, a worker a core.
2. A 64 MiB PUT that is refused for its content, against a loop in C that reads such a body into one small buffer and forgets
   it; over TCP and over a Unix socket. "received" is from its first byte until its sender has got rid of the last; "answered",
   for which there is no bound, ends with the answer, and so has in it what Lather does to find the reason.

Prints a ratio a line, Lather's rate over the other's: the least, the median and the most of the rounds. --json FILE writes
every figure. Ends with 1 if a median is below its bound.
"""

import argparse
import contextlib
import json
import os
import re
import signal
import statistics
import struct
import subprocess
import sys
import tempfile
import time
import urllib.request

CONNECTIONS = 64
BODY = 64 << 20
BOUNDS = {"live": 0.5, "body": 0.6}
HERE = os.path.dirname(os.path.abspath(__file__))


@contextlib.contextmanager
def running(command, **options):
    """A process that is ended however the block ends, and its first line of output if that is a pipe."""
    process = subprocess.Popen(command, text=True, **options)
    try:
        yield process.stdout.readline().strip() if process.stdout else ""
    finally:
        process.terminate()
        process.wait()


def wait_for(url, seconds=20):
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        with contextlib.suppress(OSError), urllib.request.urlopen(url):
            return
        time.sleep(0.02)
    sys.exit(f"{url} did not answer within {seconds} s")


@contextlib.contextmanager
def lather(binary, directory):
    """A server's address, and the path of its Unix socket."""
    # The preset of another machine's kernels would say nothing about this one.
    environment = {name: value for name, value in os.environ.items() if name != "OPENBLAS_CORETYPE"}
    socket = os.path.join(directory, "lather.sock")
    command = [
        binary, "serve", "--port", "0", "--database", os.path.join(directory, "bench.sqlite"), "--unix-socket", socket,
        "--log-level", "warning"]
    with running(command, stdout=subprocess.PIPE, env=environment) as line:
        url = re.search(r"http://\S+", line).group()
        wait_for(f"{url}/healthz/ready")
        yield url, socket


@contextlib.contextmanager
def nginx(directory, port):
    """nginx's address: what Lather answers to a probe, as a constant."""
    path = os.path.join(directory, "constant.conf")
    with open(path, "w") as file:
        file.write(f"""
            daemon off; worker_processes {os.cpu_count()}; pid {directory}/nginx.pid; error_log stderr crit;
            events {{ worker_connections 1024; }}
            http {{
                access_log off; keepalive_requests 1000000000;
                client_body_temp_path {directory}/body; proxy_temp_path {directory}/proxy; fastcgi_temp_path {directory}/fastcgi;
                uwsgi_temp_path {directory}/uwsgi; scgi_temp_path {directory}/scgi;
                server {{
                    listen 127.0.0.1:{port};
                    location = /healthz/live {{
                        default_type application/json; add_header Cache-Control no-store; return 200 '{{"status":"live"}}\\n';
                    }}
                }}
            }}""")
    url = f"http://127.0.0.1:{port}"
    # In a directory of its own by -p, and started here in the foreground: the system's service is left alone.
    with running(["/usr/sbin/nginx", "-p", directory, "-c", path, "-e", "stderr"]):
        wait_for(f"{url}/healthz/live")
        yield url


def free_port():
    import socket
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def requests_per_second(url, seconds):
    command = ["wrk", "-t", str(min(os.cpu_count(), CONNECTIONS)), "-c", str(CONNECTIONS), "-d", f"{seconds}s", f"{url}/healthz/live"]
    output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    if re.search(r"Non-2xx|Socket errors", output):
        sys.exit(f"requests failed:\n{output}")
    return float(re.search(r"Requests/sec:\s+([\d.]+)", output).group(1))


def in_turn(rounds, ours, theirs):
    """Both measured in each round, in alternating order: pairs of figures."""
    pairs = []
    for number in range(rounds):
        first, second = (ours, theirs) if number % 2 else (theirs, ours)
        one, other = first(), second()
        pairs.append((one, other) if number % 2 else (other, one))
    return pairs


def live(binary, directory, rounds, seconds):
    with lather(binary, directory) as (ours, _), nginx(directory, free_port()) as theirs:
        requests_per_second(ours, 1), requests_per_second(theirs, 1)
        return in_turn(rounds, lambda: requests_per_second(ours, seconds), lambda: requests_per_second(theirs, seconds))


def refused_bodies(shape):
    """Steps of 64 MiB that are refused: for what their header says, at once, and for a last element that is not finite."""
    def body(name, filler):
        header = json.dumps({name: {"dtype": "F32", "shape": shape, "data_offsets": [0, 4 * shape[0] * shape[1]]}}).encode()
        header += b" " * (-len(header) % 8)
        return struct.pack("<Q", len(header)) + header + filler

    zeros = bytes(4 * shape[0] * shape[1])
    return {
        "no safetensors": b"\xff" * len(zeros),
        "unknown parameter": body("other", zeros),
        "not finite": body("w", zeros[:-4] + struct.pack("<f", float("nan"))),
    }


def transfer(sockets, address, request, count):
    """MB/s of a request that is sent so many times: received, and answered."""
    output = subprocess.run([sockets, "send", str(address), request, str(count)], check=True, capture_output=True, text=True).stdout
    lines = [line.split() for line in output.splitlines()]
    wrong = {status for status, _, _ in lines} - {"400", "422"}
    if wrong:
        sys.exit(f"a body was to be refused for its content, and the answer was {wrong}")
    return tuple(os.path.getsize(request) * 1e3 / statistics.median(float(line[column]) for line in lines) for column in (1, 2))


def bodies(binary, directory, rounds):
    sockets = os.path.join(directory, "sockets")
    compiler = next(name for name in ("cc", "clang") if subprocess.run(["which", name], capture_output=True).returncode == 0)
    subprocess.run([compiler, "-O2", "-D_GNU_SOURCE", os.path.join(HERE, "network.c"), "-o", sockets], check=True)
    shape, path = [4096, BODY // 4 // 4096], os.path.join(directory, "bare.sock")
    results = {}
    with lather(binary, directory) as (url, local):
        manifest = {"optimizer": {"lr": 0.1}, "parameters": [{"name": "w", "shape": shape}]}
        made = urllib.request.Request(
            f"{url}/v1/runs/run", json.dumps(manifest).encode(), {"Content-Type": "application/json"}, method="PUT")
        urllib.request.urlopen(made).close()
        for kind, body in refused_bodies(shape).items():
            request = os.path.join(directory, "request")
            with open(request, "wb") as file:
                file.write(b"PUT /v1/runs/run/steps/1 HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
            for socket, ours, theirs in (("TCP", url.rsplit(":", 1)[1].strip("/"), "0"), ("Unix", local, path)):
                with running([sockets, "receive", theirs], stdout=subprocess.PIPE) as address:
                    pairs = in_turn(
                        rounds, lambda: transfer(sockets, ours, request, 8), lambda: transfer(sockets, address, request, 8))
                for column, end in enumerate(("received", "answered")):
                    results[f"{kind}, {socket}, {end}"] = [(one[column], other[column]) for one, other in pairs]
                if theirs == path:
                    os.remove(path)
    return results


def show(title, unit, pairs, bound):
    ratios = sorted(ours / theirs for ours, theirs in pairs)
    middle = statistics.median(ratios)
    ours, theirs = (statistics.median(side) for side in zip(*pairs))
    is_reached = bound is None or middle >= bound
    print(
        f"{title:42} {ours:8.0f} {theirs:8.0f} {unit:6} {ratios[0]:6.2f} {middle:6.2f} {ratios[-1]:6.2f} "
        + (f"{bound:6.2f} {'yes' if is_reached else 'NO':>7}" if bound else ""), flush=True)
    return {
        "what": title, "unit": unit, "rounds": pairs, "ratio": {"min": ratios[0], "median": middle, "max": ratios[-1]},
        "bound": bound, "isReached": is_reached}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--binary", default=".build/release/lather")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--seconds", type=int, default=2, help="of wrk, a side and a round")
    parser.add_argument("--only", choices=BOUNDS)
    parser.add_argument("--json", metavar="FILE")
    arguments = parser.parse_args()
    # As SystemExit, so that what was started is ended.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    binary = os.path.abspath(arguments.binary)

    print(f"{'':42} {'Lather':>8} {'other':>8} {'':6} {'min':>6} {'median':>6} {'max':>6} {'bound':>6} {'reached':>7}")
    results = []
    if arguments.only in (None, "live"):
        with tempfile.TemporaryDirectory() as directory:
            pairs = live(binary, directory, arguments.rounds, arguments.seconds)
        results.append(show("GET /healthz/live and nginx", "req/s", pairs, BOUNDS["live"]))
    if arguments.only in (None, "body"):
        with tempfile.TemporaryDirectory() as directory:
            for kind, pairs in bodies(binary, directory, arguments.rounds).items():
                results.append(show(f"64 MiB, {kind}", "MB/s", pairs, BOUNDS["body"] if kind.endswith("received") else None))
    if arguments.json:
        with open(arguments.json, "w") as file:
            json.dump({"cores": os.cpu_count(), "results": results}, file, indent=1)
    sys.exit(0 if all(result["isReached"] for result in results) else 1)


if __name__ == "__main__":
    main()
