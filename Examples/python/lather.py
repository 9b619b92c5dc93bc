"""A small client for Lather: safetensors in a few lines, and PUTs that survive a server's restart.

Needs NumPy and nothing else. Copy it into your trainer.
"""

import http.client
import json
import struct
import time
from urllib.parse import quote, urlencode, urlsplit

import numpy as np

# --- safetensors: 8 bytes of length, a JSON header, the tensors' bytes ------------------------------------------------

DTYPES = {"F64": "<f8", "F32": "<f4", "F16": "<f2", "U8": "u1"}
NAMES = {np.dtype(code): name for name, code in DTYPES.items()}


def encode(tensors, metadata=None):
    """A dictionary of arrays as safetensors bytes."""
    header, parts, offset = {"__metadata__": metadata} if metadata else {}, [], 0
    for name, array in tensors.items():
        array = np.asarray(array)
        dtype = NAMES[array.dtype.newbyteorder("<")]
        data = array.astype(DTYPES[dtype], copy=False).tobytes()
        header[name] = {"dtype": dtype, "shape": array.shape, "data_offsets": [offset, offset + len(data)]}
        parts.append(data)
        offset += len(data)
    head = json.dumps(header).encode()
    head += b" " * (-len(head) % 8)  # the format asks for tensors that start at a multiple of eight bytes
    return struct.pack("<Q", len(head)) + head + b"".join(parts)


def decode(body):
    """Safetensors bytes as a dictionary of arrays (views, not copies) and the metadata."""
    (length,) = struct.unpack_from("<Q", body)
    header = json.loads(body[8 : 8 + length])
    metadata = header.pop("__metadata__", {})
    tensors = {}
    for name, entry in header.items():
        dtype, (start, end) = np.dtype(DTYPES[entry["dtype"]]), entry["data_offsets"]
        array = np.frombuffer(body, dtype, (end - start) // dtype.itemsize, 8 + length + start)
        tensors[name] = array.reshape(entry["shape"])
    return tensors, metadata


# --- the client -------------------------------------------------------------------------------------------------------


class Refused(Exception):
    """The server understood the request and said no; `problem` holds its problem details (RFC 9457)."""

    def __init__(self, status, problem):
        super().__init__(f"{status}: {problem.get('detail') or problem.get('title') or 'no details'}")
        self.status, self.problem = status, problem


class Client:
    """One kept-alive connection. Every request it makes may be sent again: a step's URL is its identity, so the server
    applies it once, and answers a repeated PUT with the same bytes."""

    def __init__(self, url="http://127.0.0.1:8421", token=None, patience=120.0):
        """`patience`: seconds to go on trying while the server is away, before the error is raised."""
        parts = urlsplit(url)
        kind = {"http": http.client.HTTPConnection, "https": http.client.HTTPSConnection}[parts.scheme]
        self.connection = kind(parts.hostname, parts.port, timeout=60)
        self.prefix = parts.path.rstrip("/")
        self.headers = {"Authorization": f"Bearer {token}"} if token else {}
        self.patience = patience

    def request(self, method, path, body=None, kind=None, headers=()):
        """Sends until there is an answer or patience runs out. Only for GET and PUT, which are safe to repeat."""
        headers = {**self.headers, **dict(headers), **({"Content-Type": kind} if kind else {})}
        deadline, pause = time.monotonic() + self.patience, 0.1
        while True:
            try:
                self.connection.request(method, self.prefix + path, body, headers)
                response = self.connection.getresponse()
                answer = response.read()
                if response.status < 300:
                    return response, answer
                failure = Refused(response.status, problem_details(answer))
                if response.status not in (429, 503):
                    raise failure
            except (OSError, http.client.HTTPException) as error:
                self.connection.close()  # the next request opens it again
                failure = error
            if time.monotonic() + pause > deadline:
                raise failure
            time.sleep(pause)
            pause = min(pause * 2, 5.0)

    def create_run(self, run, manifest):
        """Makes the run, or finds it as it was made with the same manifest. Returns what the server knows of it."""
        _, answer = self.request("PUT", run_path(run), json.dumps(manifest), "application/json")
        return json.loads(answer)

    def step(self, run, k, gradients, **query):
        """Sends the gradients of step k. Returns the updates, and the factors that the weights are scaled by first."""
        path = f"{run_path(run)}/steps/{k}" + ("?" + urlencode(query) if query else "")
        _, answer = self.request("PUT", path, encode(gradients), "application/vnd.safetensors")
        updates, metadata = decode(answer)
        return updates, json.loads(metadata.get("weight_scale", "{}"))

    def put_weights(self, run, weights):
        self.request("PUT", run_path(run) + "/weights", encode(weights), "application/vnd.safetensors")

    def weights(self, run):
        """The hosted weights: exactly what the trainer had after the run's last step."""
        return decode(self.request("GET", run_path(run) + "/weights")[1])[0]


def run_path(run):
    return "/v1/runs/" + quote(run, safe="")


def problem_details(body):
    try:
        return dict(json.loads(body))
    except (ValueError, TypeError):
        return {"detail": body.decode("utf-8", "replace").strip()}
