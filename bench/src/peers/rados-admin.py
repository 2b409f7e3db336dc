"""Orders to the monitor of a Ceph cluster: names new OSDs, makes the pool, waits until it is clean.

One line of JSON on standard input; ends with 0 when all is done.
"""

import json
import sys
import time

import rados

POLL_SECONDS = 0.05
TIMEOUT_SECONDS = 60


def main():
    orders = json.loads(sys.stdin.readline())
    cluster = rados.Rados(conffile=orders["conf"], rados_id="admin")
    cluster.connect(timeout=TIMEOUT_SECONDS)
    for uuid in orders.get("newOsds", []):
        command(cluster, prefix="osd new", uuid=uuid)
    if "pool" in orders:
        make_pool(cluster, orders["pool"], orders["osdCount"], orders["groupCount"])
    cluster.shutdown()


def make_pool(cluster, name, osd_count, group_count):
    for flag in ("noscrub", "nodeep-scrub"):
        command(cluster, prefix="osd set", key=flag)
    # Before all are up a group would get fewer copies, and others later.
    wait_until(lambda: command(cluster, prefix="osd stat")["num_up_osds"] == osd_count)
    command(cluster, prefix="osd pool create", pool=name, pg_num=group_count, pgp_num=group_count)
    activate_groups(cluster, name, group_count)
    pool = cluster.pool_lookup(name)
    for index in range(group_count):
        wait_until(lambda: is_clean(cluster, f"{pool}.{index:x}"))


def activate_groups(cluster, pool, group_count):
    """Writes an object of each group, which waits until the group takes writes.

    A query would get no answer from an OSD that does not have the group yet.
    """
    ioctx = cluster.open_ioctx(pool)
    found = set()
    index = 0
    while len(found) < group_count:
        name = f"probe-{index}"
        group = command(cluster, prefix="osd map", pool=pool, object=name)["pgid"]
        index += 1
        if group not in found:
            found.add(group)
            ioctx.write_full(name, b"probe")
            ioctx.remove_object(name)
    ioctx.close()


def is_clean(cluster, group):
    query = json.dumps({"prefix": "query", "pgid": group, "format": "json"})
    status, answer, _ = cluster.pg_command(group, query, b"")
    return status == 0 and json.loads(answer)["state"] == "active+clean"


def command(cluster, **words):
    status, answer, message = cluster.mon_command(json.dumps({**words, "format": "json"}), b"")
    if status != 0:
        raise RuntimeError(f"{words['prefix']}: {message}")
    return json.loads(answer) if answer.strip().startswith(b"{") else None


def wait_until(is_reached):
    ends = time.monotonic() + TIMEOUT_SECONDS
    while not is_reached():
        if time.monotonic() > ends:
            raise RuntimeError("the cluster is not ready in time")
        time.sleep(POLL_SECONDS)


main()
