"""What schemathesis cannot read in openapi.yaml: which runs there are, where they stand, and how tensors become bytes.

What is valid in a request is led to a run that the operation has to itself, and gets the numbers of that run (its next step,
its tags); one in eight to a run that is not there. What is to be refused is left as it was drawn.
"""

import base64
import functools
import hashlib
import itertools
import json
import os
import struct
import threading
from urllib.parse import unquote

import requests
import schemathesis
from hypothesis import strategies as st
from schemathesis.core.parameters import ParameterLocation as Location

URL = os.environ["LATHER_URL"]

class Session(threading.local):
    """Each thread's connection."""

    def __init__(self):
        self.session = requests.Session()
        self.session.headers["Authorization"] = "Bearer " + os.environ["LATHER_TOKEN"]


LOCAL = Session()

SAFETENSORS = "application/vnd.safetensors"
BYTES = "application/octet-stream"
SHAPES = {"w": [2, 3], "w.bias": [3]}
GROUP = "no_decay"
MANIFEST = {
    "optimizer": {"lr": 0.003, "precondition_frequency": 2},
    "parameters": [{"name": name, "shape": shape} for name, shape in SHAPES.items()],
    "groups": {GROUP: {"match": ["*.bias"], "weight_decay": 0.0}},
    "policy": {"keep_checkpoints": 1000},
}

# Media types are not drawn.
ACCEPTED = {
    "getStateTensor": ["*/*", SAFETENSORS, BYTES],
    "getCheckpoint": ["*/*", SAFETENSORS, BYTES],
    "getWeights": ["*/*", BYTES],
    "putStep": ["*/*", BYTES],
    "postStep": ["*/*", BYTES],
}

# Decides between cases of one kind, so that the same seed gives the same requests.
calls = itertools.count()


# Bodies: elements are drawn, and framed when the request is written, for path and query say how.

@schemathesis.hook
def after_load_schema(context, schema):
    """Elements for every body of bytes: finite, and small enough that no square overflows F32."""
    count = max(sum(size(shape) for shape in SHAPES.values()), 9)
    element = st.floats(-1e4, 1e4, width=32, allow_nan=False).map(lambda value: struct.pack("<f", value))
    elements = st.lists(element, min_size=count, max_size=count).map(b"".join)
    for name in (SAFETENSORS, BYTES):
        schemathesis.openapi.media_type(name, elements)
        schemathesis.serializer(name)(lambda context, value: framed(context.case, value))


def size(shape):
    total = 1
    for length in shape:
        total *= length
    return total


def framed(case, elements):
    """The body of a request from its drawn elements; whatever else was drawn goes out as it is."""
    elements = getattr(elements, "data", elements)
    if not isinstance(elements, bytes):
        return elements.encode() if isinstance(elements, str) else json.dumps(elements).encode()
    values = struct.unpack(f"<{len(elements) // 4}f", elements)
    operation = operation_id(case)
    if operation == "putParameterStep":
        return raw(values[: size(SHAPES["w"])], str((case.query or {}).get("dtype")))
    if operation == "putState":
        return state(values)
    return safetensors({name: (shape, values) for name, shape in SHAPES.items()})


@functools.cache
def kept_state():
    return send("GET", f"/v1/runs/{own_run('putState')}/checkpoints/3", headers={"Accept": SAFETENSORS}).content


def state(values):
    """A state that the run went through, but for its first moments."""
    file = kept_state()
    start = 8 + struct.unpack("<Q", file[:8])[0]
    first, last = json.loads(file[8:start])["w.exp_avg"]["data_offsets"]
    return file[: start + first] + raw(values[: size(SHAPES["w"])], "F32") + file[start + last :]


def raw(values, dtype):
    if dtype == "BF16":
        return b"".join(struct.pack("<f", value)[2:] for value in values)
    return struct.pack(f"<{len(values)}{'d' if dtype == 'F64' else 'e' if dtype == 'F16' else 'f'}", *values)


def safetensors(tensors):
    header, data = {}, b""
    for name, (shape, values) in tensors.items():
        start, data = len(data), data + raw(values[: size(shape)], "F32")
        header[name] = {"dtype": "F32", "shape": shape, "data_offsets": [start, len(data)]}
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    return struct.pack("<Q", len(text)) + text + data


@schemathesis.deserializer(SAFETENSORS)
def read_safetensors(context, response):
    """The header of an answer that is a safetensors file; every tensor must lie where it says."""
    if response.status_code == 206:
        return None
    length = struct.unpack("<Q", response.content[:8])[0]
    header = json.loads(response.content[8 : 8 + length])
    tensors = [tensor for name, tensor in header.items() if name != "__metadata__"]
    end = max((tensor["data_offsets"][1] for tensor in tensors), default=0)
    if len(response.content) != 8 + length + end:
        raise ValueError("the tensors do not end where the file does")
    return header


@schemathesis.deserializer(BYTES, "application/x-npy")
def read_bytes(context, response):
    return None


# Runs.

def operation_id(case):
    return case.operation.definition.raw["operationId"]


def send(method, path, **arguments):
    answer = LOCAL.session.request(method, URL + path, timeout=30, **arguments)
    answer.raise_for_status()
    return answer


def make_run(name, operation):
    """A run with steps, checkpoints and weights; one of single parameters' steps for the operation that takes those."""
    send("PUT", f"/v1/runs/{name}", json=MANIFEST)
    values = [0.5, -1.0, 2.0, 0.25, -0.125, 1.5]
    if operation == "putParameterStep":
        for parameter, shape in SHAPES.items():
            send("PUT", f"/v1/runs/{name}/parameters/{parameter}/steps/1", data=raw(values[: size(shape)], "F32"))
    else:
        for _ in range(3):
            take_step(name)
    if operation == "getWeights":
        send("PUT", f"/v1/runs/{name}/weights", data=gradients())
    send("POST", f"/v1/runs/{name}/checkpoints", json={"label": "prepared"})


def gradients():
    return safetensors({name: (shape, [0.5, -1.0, 2.0, 0.25, -0.125, 1.5]) for name, shape in SHAPES.items()})


def take_step(run):
    send("POST", f"/v1/runs/{run}/steps", data=gradients())


made = set()


def own_run(operation):
    """The run that an operation has to itself, made when it is first asked for, and again after what ends it."""
    name = f"for-{operation}"
    if operation == "getEvents":
        for ending in endings:
            ending.join()
        endings.clear()
        LOCAL.session.delete(f"{URL}/v1/runs/{name}", timeout=30)
    if name not in made or operation in ("deleteRun", "getEvents"):
        made.add(name)
        make_run(name, operation)
    if operation == "getEvents":
        endings.append(threading.Timer(0.1, end_run, [name]))
        endings[0].start()
    return name


# The stream of a run's events goes on until the run is deleted.
endings = []


def end_run(name):
    take_step(name)
    send("PATCH", f"/v1/runs/{name}", data=b'{"optimizer": {"lr": 0.002}}', headers={"Content-Type": "application/merge-patch+json"})
    send("DELETE", f"/v1/runs/{name}")


def is_valid(case, location):
    component = case._meta.components.get(location) if case._meta else None
    return component is None or component.mode.is_positive


# Runs that schemathesis made itself. Where it looks after them, or deletes them and looks again, it must not be led away.
theirs = set()


def is_linked(case):
    is_theirs = case.path_parameters.get("run") in theirs and case.method.upper() in ("GET", "DELETE")
    # Nobody would end the stream.
    return is_theirs and operation_id(case) != "getEvents"


@schemathesis.hook
def after_call(context, case, response):
    if operation_id(case) == "putRun" and response.status_code == 201:
        theirs.add(unquote(case.path_parameters["run"]))


@schemathesis.hook
def before_call(context, case, kwargs):
    operation = operation_id(case)
    path, query, headers = case.path_parameters or {}, case.query or {}, case.headers
    if operation in ACCEPTED:
        headers["Accept"] = ACCEPTED[operation][next(calls) % len(ACCEPTED[operation])]
    if is_valid(case, Location.PATH) and path and not is_linked(case):
        if operation == "putRun":
            # Mostly new ones; a name that is drawn is mostly taken.
            path["run"] = path["run"] if next(calls) % 3 == 0 else f"made-{next(calls)}"
        elif next(calls) % 8 == 7:
            path["run"] = "nobody"
        else:
            ground_path(operation, path)
    if is_valid(case, Location.QUERY):
        ground_query(query)
    if is_valid(case, Location.BODY) and isinstance(case.body, dict):
        ground_body(operation, path, case.body)
    ground_headers(case, headers)


def ground_path(operation, path):
    path["run"] = own_run(operation)
    if "parameter" in path:
        path["parameter"] = "w"
    if "tensor" in path:
        path["tensor"] = ["exp_avg", "exp_avg_sq", "factor.0", "basis.1", "eigenvalues.0"][next(calls) % 5]
    if "k" in path:
        of = f"/parameters/{path['parameter']}" if operation == "putParameterStep" else ""
        path["k"] = send("GET", f"/v1/runs/{path['run']}{of}").json()["step"] + 1
    if "step" in path:
        if operation == "deleteCheckpoint":
            # Neither the newest one, which cannot go, nor one that is gone.
            for _ in range(2):
                take_step(path["run"])
                send("POST", f"/v1/runs/{path['run']}/checkpoints")
        checkpoints = send("GET", f"/v1/runs/{path['run']}/checkpoints").json()["checkpoints"]
        path["step"] = checkpoints[-2 if operation == "deleteCheckpoint" else -1]["step"]


def ground_query(query):
    """Groups that the run has, a range that is one, and no scale that takes a gradient out of F32."""
    rates = [name for name in query if name.startswith("lr.")]
    for name in rates:
        query[f"lr.{GROUP}"] = query.pop(name)
    if all(str(query.get(bound)).isdecimal() for bound in ("from", "to")):
        query["from"], query["to"] = sorted((query["from"], query["to"]), key=int)
    if isinstance(query.get("grad_scale"), (int, float)) and query["grad_scale"] < 1e-3:
        query["grad_scale"] = 1e-3


def ground_body(operation, path, body):
    if operation == "putRun":
        ground_manifest(body)
    elif operation == "patchRun":
        groups = body.get("groups")
        if groups:
            body["groups"] = {GROUP: next(iter(groups.values()))}
        for options in [body.get("optimizer"), *(body.get("groups") or {}).values()]:
            ground_options(options)
    elif operation == "postRestore" and path.get("run") in made:
        body["step"] = send("GET", f"/v1/runs/{path['run']}/checkpoints").json()["checkpoints"][0]["step"]
    elif operation == "postCheckpoint" and body.get("label"):
        body["label"] = body["label"].encode()[:256].decode(errors="ignore") or "x"


def ground_manifest(body):
    """What a schema cannot say: names that differ, groups that exist, state that fits, options that go together."""
    groups = body.get("groups") or {}
    sets = [body["optimizer"], *groups.values()]
    for options in sets:
        ground_options(options)
    if any(options.get("use_kl_shampoo") for options in sets):
        for options in sets:
            options.pop("precondition_1d", None)
            options.pop("max_precondition_dim", None)
    for index, parameter in enumerate(body.get("parameters") or []):
        parameter["name"] = f"{index}" + parameter["name"].replace("\0", "")[:100]
        parameter["shape"] = [min(length, 8) for length in parameter["shape"][:2]]
        if "group" in parameter and parameter["group"] not in groups:
            del parameter["group"]


def ground_options(options):
    """A schedule begins at step 0 and ascends."""
    frequency = (options or {}).get("precondition_frequency")
    if isinstance(frequency, list):
        options["precondition_frequency"] = [[10 * index, stage[1]] for index, stage in enumerate(frequency)]


def ground_headers(case, headers):
    """The tag that there is, for one of three conditions, and the digest of the body that is sent.

    These fields hold any text, so they are never what makes a request invalid.
    """
    conditions = [name for name in ("If-Match", "If-None-Match", "If-Range") if name in headers]
    if conditions and next(calls) % 3 == 0:
        answer = LOCAL.session.head(URL + case.formatted_path, headers={"Accept": headers.get("Accept", "*/*")}, timeout=30)
        for name in conditions if answer.ok else []:
            headers[name] = answer.headers["ETag"]
    if "Content-Digest" in headers:
        headers["Content-Digest"] = content_digest(case)


def content_digest(case):
    """Of the very bytes that will be sent; RFC 9530."""
    request = requests.Request(**case.operation.schema.transport.serialize_case(case)).prepare()
    body = request.body or b""
    body = body.encode() if isinstance(body, str) else body
    return f"sha-256=:{base64.b64encode(hashlib.sha256(body).digest()).decode()}:"
