# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The fastmem authors

"""Endpoints of fastmem for dpdk-telemetry-exporter.py, which puts "dpdk_fastmem_" in front of names."""

# Name of a metric -> (key of the answer, help text, type), by what it has labels for.
TOTALS = {
    "allocs_total": ("alloc_total", "Objects allocated since the statistics were reset.", "counter"),
    "frees_total": ("free_total", "Objects freed since the statistics were reset.", "counter"),
    "allocs_failed_total": ("alloc_nomem", "Objects that could not be allocated.", "counter"),
    "in_use_bytes": ("bytes_in_use", "Memory of objects in use.", "gauge"),
    "cached_bytes": ("bytes_cached", "Memory of objects in caches of threads.", "gauge"),
    "pools_bytes": ("bytes_pools", "Memory of pools.", "gauge"),
    "free_bytes": ("bytes_free", "Memory in no slab.", "gauge"),
    "metadata_bytes": ("bytes_metadata", "Memory of the bookkeeping.", "gauge"),
}
SOCKETS = {
    "backing_bytes": ("bytes_backing", "Memory taken from EAL.", "gauge"),
    "limit_bytes": ("bytes_limit", "Memory that may be taken from EAL.", "gauge"),
    "growths_total": ("n_growths", "How often memory was taken from EAL.", "counter"),
    "shrinks_total": ("n_shrinks", "How often memory was given back to EAL.", "counter"),
}
CLASSES = {
    "class_in_use_objects": ("in_use", "Objects of a size in use.", "gauge"),
    "class_cached_objects": ("in_caches", "Objects of a size in caches of threads.", "gauge"),
    "class_backing_bytes": ("bytes_backing", "Memory of slabs of a size.", "gauge"),
    "class_cache_hits_total": ("alloc_cache_hits", "Allocations that a cache served.", "counter"),
    "class_cache_misses_total": ("alloc_cache_misses", "Allocations that no cache served.", "counter"),
    "class_allocs_failed_total": ("alloc_nomem", "Objects that could not be allocated.", "counter"),
}
POOLS = {
    "pool_in_use_objects": ("in_use", "Objects of a pool in use.", "gauge"),
    "pool_cached_objects": ("in_caches", "Objects of a pool in caches of threads.", "gauge"),
    "pool_deferred_objects": ("deferred", "Objects of a pool that wait for RCU readers.", "gauge"),
    "pool_objects": ("objects", "Objects that a pool has.", "gauge"),
    "pool_min_objects": ("min", "Objects that a pool keeps.", "gauge"),
    "pool_max_objects": ("max", "Objects that a pool may have.", "gauge"),
    "pool_backing_bytes": ("bytes_backing", "Memory of a pool.", "gauge"),
    "pool_gets_total": ("get_total", "Objects got from a pool.", "counter"),
    "pool_puts_total": ("put_total", "Objects put to a pool.", "counter"),
    "pool_gets_failed_total": ("get_failed", "Objects that a pool did not have.", "counter"),
}


def info():
    """Name -> (help text, type)."""
    return {name: about[1:] for table in (TOTALS, SOCKETS, CLASSES, POOLS)
            for name, about in table.items()}


def values(table, answer, labels):
    """What the answer has; a limit that is not set, say, has no value."""
    return [(name, answer[about[0]], labels) for name, about in table.items()
            if about[0] in answer]


def all_of(sock, command):
    """A list that comes in parts."""
    names, part = [], True
    while part:
        part = sock.cmd(command, len(names))
        names += part
    return names


def metrics(sock):
    """List of (name, value, labels)."""
    if "/fastmem/info" not in sock.cmd("/"):
        return []
    answer = sock.cmd("/fastmem/info")
    if "error" in answer:  # it is not initialised
        return []
    out = values(TOTALS, answer, {})
    for name in answer:
        if name.startswith("socket_"):
            out += values(SOCKETS, answer[name], {"socket": name.rpartition("_")[2]})
    for size in sock.cmd("/fastmem/classes"):
        answer = sock.cmd("/fastmem/class", size)
        if answer.get("slab_acquires"):
            out += values(CLASSES, answer, {"size": str(size)})
    for name in all_of(sock, "/fastmem/pools"):
        out += values(POOLS, sock.cmd("/fastmem/pool", name), {"pool": name})
    return out
