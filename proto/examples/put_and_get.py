#!/usr/bin/env python3
"""Puts one block into Kura over gRPC and gets it back, from Python.

Debian: apt-get install python3-grpcio python3-protobuf protobuf-compiler

    protoc -I proto --python_out=/tmp/kura proto/kura/v1/block_store.proto proto/kura/v1/common.proto
    PYTHONPATH=/tmp/kura python3 proto/examples/put_and_get.py 127.0.0.1:7423 README.md

Blocks have at most 4 MiB; a larger file is cut into several by the caller.
"""

import hashlib
import sys

import grpc
from kura.v1 import block_store_pb2 as kura
from kura.v1 import common_pb2

BLOCK_SIZE_BYTES_MAX = 4 * 1024 * 1024
TIMEOUT_SECONDS = 10

# A block of 4 MiB and its description do not fit into the library's default of 4 MiB.
OPTIONS = [("grpc.max_receive_message_length", BLOCK_SIZE_BYTES_MAX + 64 * 1024)]


class BlockStore:
    """The calls of kura.v1.BlockStore; grpc_tools would generate the same."""

    def __init__(self, channel):
        def call(name, request, response):
            path = f"/kura.v1.BlockStore/{name}"
            encode, decode = request.SerializeToString, response.FromString
            return channel.unary_unary(path, encode, decode)

        self.put = call("Put", kura.PutRequest, kura.PutReceipt)
        self.get = call("Get", kura.GetRequest, kura.GetResponse)
        self.stat = call("Stat", kura.StatRequest, kura.BlockInfo)


def error_code(error):
    """Kura's own code of a failed call, e.g. `not-found`; packages/core/ERRORS.md lists them."""
    for key, value in error.trailing_metadata() or ():
        if key == "kura-error-bin":
            return common_pb2.ErrorDetails.FromString(value).code
    return error.code().name


def main(address, path):
    with open(path, "rb") as file:
        block = file.read(BLOCK_SIZE_BYTES_MAX)
    digest = hashlib.sha256(block).digest()

    with grpc.insecure_channel(address, options=OPTIONS) as channel:
        store = BlockStore(channel)

        receipt = store.put(kura.PutRequest(hash=digest, block=block), timeout=TIMEOUT_SECONDS)
        verb = "stored" if receipt.newly_stored else "was stored already"
        print(f"{receipt.hash.hex()}: {receipt.size_bytes} bytes {verb}")

        info = store.stat(kura.StatRequest(hash=digest), timeout=TIMEOUT_SECONDS)
        print(f"in bucket {info.bucket_id}")

        answer = store.get(kura.GetRequest(hash=digest), timeout=TIMEOUT_SECONDS)
        assert hashlib.sha256(answer.block).digest() == digest
        print("read back the same bytes")

        try:
            store.get(kura.GetRequest(hash=bytes(32)), timeout=TIMEOUT_SECONDS)
        except grpc.RpcError as error:
            print(f"a block that nobody put: {error_code(error)}")


if __name__ == "__main__":
    main(*sys.argv[1:])
