/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The fastmem authors
 */

/*
 * Statistics: read from where things are done, summed up when asked for.
 *
 * The fast path counts allocations only. As
 *
 *   objects in a cache = moved in - allocated + freed
 *
 * the frees follow. The objects in use are the slots that are free nowhere: neither in
 * slabs, nor in depots, nor in caches.
 *
 * Nothing stops while it is read, and objects move from one place to another that was read
 * before, or will be read later. A sum of counters would be wrong by all that move meanwhile,
 * which has no bound if the reader is preempted. What the places hold is wrong by no more than
 * they can hold.
 */

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include <rte_lcore.h>
#include <rte_pause.h>

#include "fastmem_hooks.h"

#define READ_TRIES 1000

/* What a cache has done, or many; or since the last reset. */
struct tally {
	uint64_t alloc;
	uint64_t free;
	uint64_t alloc_misses;
	uint64_t free_misses;
	uint64_t nomem;
	int64_t in_use; /* of one cache: through this cache, which others may have freed */
	int64_t misfreed; /* counted in free, but were not; below 0 where others were freed */
	uint64_t cached;
};

static uint64_t
get(const uint64_t *counter)
{
	return __atomic_load_n(counter, __ATOMIC_RELAXED);
}

/* Pairs with the release in MOVE(), fastmem_cache.c. */
#define READ(field) __atomic_load_n(&(field), __ATOMIC_ACQUIRE)

/* Of a pool that the thread has not used, all are 0. */
static const struct fastmem_counts *
counts_of(const struct fastmem_tcache *t, unsigned int bin)
{
	static const struct fastmem_counts none;
	const struct fastmem_counts *counts = fastmem_counts(t, bin);

	return counts != NULL ? counts : &none;
}

static uint64_t
positive(int64_t n)
{
	return n > 0 ? n : 0;
}

/* 0 if a reset has come in between. */
static uint64_t
since(uint64_t now, uint64_t base)
{
	return positive(now - base);
}

/* Objects in the loaded magazine, of which top and base tell n. */
static uint64_t
loaded_objects(const struct rte_fastmem_cache *c, uint64_t n)
{
	const struct fastmem_magazine *m = READ(c->loaded);
	uint64_t i, taken = 0;

	n = m != NULL ? RTE_MIN(n, fastmem_magazine_capacity(m->kind)) : 0;
	/* Others have taken objects away, and left holes: see pool_steal.c. */
	for (i = 0; READ(c->base) > READ(c->end) && i < n; i++)
		taken += __atomic_load_n(&m->objs[i], __ATOMIC_RELAXED) == NULL;
	return n - taken;
}

/* Objects in the spare magazine, of which the owner knows n. */
static uint64_t
spare_objects(const struct fastmem_tcache *t, unsigned int bin, uint64_t n)
{
	const struct fastmem_magazine *m = READ(t->caches[bin].spare);

	/* With another owner it is stolen. */
	if (m == NULL || READ(m->owner) != READ(counts_of(t, bin)->spare_owned))
		return 0;
	return RTE_MIN(n, fastmem_magazine_capacity(m->kind));
}

static void
cache_read_fields(const struct fastmem_tcache *t, unsigned int bin, struct tally *out)
{
	const struct rte_fastmem_cache *c = &t->caches[bin];
	uint64_t loaded, spare;

	out->alloc = READ(c->n_alloc);
	/* Stolen objects count until the owner knows: n_in has them, too. */
	loaded = fastmem_cache_len(c);
	spare = READ(c->spare_n);
	out->in_use = READ(c->n_in) - loaded - spare;
	out->cached = loaded_objects(c, loaded) + spare_objects(t, bin, spare);
	out->misfreed = 0; /* known of a bin only */
}

/* The figures of one cache, not torn by a move of magazines. */
static void
cache_read(const struct fastmem_tcache *t, unsigned int bin, struct tally *out)
{
	const struct fastmem_counts *counts = counts_of(t, bin);
	unsigned int tries;

	for (tries = 0; tries < READ_TRIES; tries++) {
		/* Pairs with the release in move_end(). */
		uint32_t seq = __atomic_load_n(&t->seq, __ATOMIC_ACQUIRE);

		cache_read_fields(t, bin, out);
		/* Nobody waits for the owner to end its move: it may have died. */
		if ((seq & 1) != 0 && READ(t->move_bin) == bin)
			out->in_use = READ(t->move_live);
		if (__atomic_load_n(&t->seq, __ATOMIC_RELAXED) == seq)
			break;
		rte_pause(); /* and after many times: the owner is busy */
	}
	/* What was allocated since alloc was read is not freed before it was allocated. */
	out->free = positive(out->alloc - out->in_use);
	out->alloc_misses = get(&counts->alloc_misses);
	out->free_misses = get(&counts->free_misses);
	out->nomem = get(&counts->nomem);
}

/* Objects that have come out of a thread's cache, less those that went in: may be below 0. */
int64_t
fastmem_cache_in_use(const struct fastmem_tcache *t, unsigned int bin)
{
	struct tally now;

	cache_read(t, bin, &now);
	return now.in_use;
}

/* Objects that lie in a thread's cache: without those that others have taken from there. */
uint64_t
fastmem_cache_objects(const struct fastmem_tcache *t, unsigned int bin)
{
	struct tally now;

	cache_read(t, bin, &now);
	return now.cached;
}

static void
tally_add(struct tally *sum, const struct tally *t)
{
	sum->alloc += t->alloc;
	sum->free += t->free;
	sum->alloc_misses += t->alloc_misses;
	sum->free_misses += t->free_misses;
	sum->nomem += t->nomem;
	sum->in_use += t->in_use;
	sum->misfreed += t->misfreed;
	sum->cached += t->cached;
}

/* A cache's figures since the last reset, which may come at any time: it is read first. */
static void
cache_tally(const struct fastmem_tcache *t, unsigned int bin, struct tally *sum)
{
	const struct fastmem_counts *counts = counts_of(t, bin);
	const struct tally base = {
		.alloc = READ(counts->base_alloc),
		.free = READ(counts->base_free),
		.alloc_misses = READ(counts->base_alloc_misses),
		.free_misses = READ(counts->base_free_misses),
		.nomem = READ(counts->base_nomem),
	};
	struct tally now;

	cache_read(t, bin, &now);
	now.alloc = since(now.alloc, base.alloc);
	now.free = since(now.free, base.free);
	now.nomem = since(now.nomem, base.nomem);
	/* A miss is counted before the object is: read in between, there is one more. */
	now.alloc_misses = RTE_MIN(since(now.alloc_misses, base.alloc_misses), now.alloc);
	now.free_misses = RTE_MIN(since(now.free_misses, base.free_misses), now.free);
	tally_add(sum, &now);
}

/*
 * What threads without a cache did, all of which is a miss; and what the caches
 * counted as freed but was not. That stays in the figures of those who freed it,
 * which is when it was not known yet, but is no object less in use.
 */
static void
direct_tally(const struct fastmem_bin *bin, struct tally *sum)
{
	const struct tally base = {
		.alloc = READ(bin->base_alloc),
		.free = READ(bin->base_free),
		.nomem = READ(bin->base_nomem),
		.misfreed = READ(bin->base_misfreed),
	};
	struct tally now = {
		.alloc = since(get(&bin->direct_alloc), base.alloc),
		.free = since(get(&bin->direct_free), base.free),
		.nomem = since(get(&bin->direct_nomem), base.nomem),
		.misfreed = get(&bin->misfreed) - base.misfreed,
	};

	now.alloc_misses = now.alloc;
	now.free_misses = now.free;
	tally_add(sum, &now);
}

#define KEY_EVERYONE (-2)
#define KEY_SHARED (-1)

static struct fastmem_tcache *
first_tcache(const struct fastmem_ctl *ctl)
{
	/* Pairs with the release in tcache_make(). */
	return __atomic_load_n(&ctl->tcaches, __ATOMIC_ACQUIRE);
}

/* Allocations by everyone. Read after the frees: what is freed has been allocated. */
static uint64_t
bin_allocs(const struct fastmem_ctl *ctl, unsigned int bin)
{
	uint64_t base = READ(ctl->bins[bin].base_alloc);
	uint64_t sum = since(get(&ctl->bins[bin].direct_alloc), base);
	const struct fastmem_tcache *t;

	for (t = first_tcache(ctl); t != NULL; t = t->next) {
		base = READ(counts_of(t, bin)->base_alloc);
		sum += since(READ(t->caches[bin].n_alloc), base);
	}
	return sum;
}

/* Objects that were freed and are not back yet. */
static int64_t
bin_quarantined(const struct fastmem_ctl *ctl, unsigned int bin)
{
	return ctl->debug == NULL ? 0 : FASTMEM_HOOK_OR(0, n_waiting, bin);
}

/* Slots of a bin that are not in its slabs, or store. */
static int64_t
bin_out(const struct fastmem_bin *bin)
{
	if (READ(bin->store) == NULL)
		return get(&bin->n_out);
	return get(&bin->n_slots) - READ(bin->n_stored);
}

/* Objects in use, where so many are in caches. */
static int64_t
bin_in_use(const struct fastmem_ctl *ctl, unsigned int bin, uint64_t cached)
{
	const struct fastmem_depot *full = READ(ctl->bins[bin].full);
	uint64_t n_free = cached + bin_quarantined(ctl, bin);

	if (full != NULL)
		n_free += fastmem_depot_objects(full);
	return bin_out(&ctl->bins[bin]) - n_free;
}

/* Add what the threads of one lcore id, of none, or all threads did with a bin. */
static void
bin_tally(const struct fastmem_ctl *ctl, unsigned int bin, int key, struct tally *sum)
{
	const struct fastmem_tcache *t;

	for (t = first_tcache(ctl); t != NULL; t = t->next)
		if (key == KEY_EVERYONE || key == t->lcore)
			cache_tally(t, bin, sum);
	if (key == KEY_EVERYONE || key == KEY_SHARED)
		direct_tally(&ctl->bins[bin], sum);
}

/* What everyone did with a bin, and what there is of it. */
static void
bin_tally_all(const struct fastmem_ctl *ctl, unsigned int bin, struct tally *out)
{
	int64_t quarantined = -READ(ctl->bins[bin].base_quarantined);

	memset(out, 0, sizeof(*out));
	bin_tally(ctl, bin, KEY_EVERYONE, out);
	/* What was quarantined at a reset was freed before it, and is counted when it leaves. */
	quarantined += bin_quarantined(ctl, bin);
	out->free = positive(out->free + quarantined);
	/* Fewer after a reset, which the misses do not know of. */
	out->alloc = RTE_MAX(out->alloc, bin_allocs(ctl, bin));
	out->in_use = bin_in_use(ctl, bin, out->cached);
}

/* What is done with a bin, by everyone. */
void
fastmem_bin_read(const struct fastmem_ctl *ctl, unsigned int bin,
		struct fastmem_bin_figures *out)
{
	struct tally t;

	bin_tally_all(ctl, bin, &t);
	out->alloc = t.alloc;
	out->free = positive(t.free - t.misfreed);
	out->nomem = t.nomem;
	out->in_use = t.in_use;
}

/* What fastmem has of a socket. False: it has none of that number. */
bool
fastmem_socket_read(int socket_id, struct fastmem_socket_figures *out)
{
	struct fastmem_ctl *ctl = fastmem_ctl_get();
	struct fastmem_bin_figures figures;
	unsigned int i, socket;

	memset(out, 0, sizeof(*out));
	for (socket = 0; ctl != NULL && socket < ctl->n_sockets; socket++)
		if (ctl->arenas[socket].socket_id == socket_id)
			break;
	if (ctl == NULL || socket == ctl->n_sockets)
		return false;
	fastmem_arena_read(&ctl->arenas[socket], out);
	fastmem_meta_read(socket_id, out);
	for (i = 1; i < ctl->n_bins; i++) {
		struct fastmem_bin *bin = &ctl->bins[i];
		uint64_t n;

		if (bin->socket != socket)
			continue;
		if (i < ctl->first_pool_bin) {
			fastmem_bin_read(ctl, i, &figures);
			n = positive(figures.in_use);
			out->n_used += n;
			out->used_bytes += n * bin->slot_size;
			continue;
		}
		fastmem_bin_lock(bin);
		n = bin->n_slabs + bin->n_limbo;
		out->n_used += n;
		out->used_bytes += n * bin->slab_granules << RTE_FASTMEM_GRANULE_SHIFT;
		fastmem_mutex_unlock(&bin->lock);
	}
	return true;
}

/* The class of a size; RTE_FASTMEM_N_CLASSES: no class has that size. */
static unsigned int
class_by_size(size_t class_size)
{
	size_t sizes[RTE_FASTMEM_N_CLASSES];
	unsigned int i, n = rte_fastmem_classes(sizes);

	for (i = 0; i < n && sizes[i] != class_size; i++)
		;
	return i;
}

/* The figures of all classes with slots of that size; of all bins if it is 0. */
static struct tally
size_tally(const struct fastmem_ctl *ctl, size_t slot_size, int key)
{
	struct tally sum = { 0 };
	unsigned int i;

	for (i = 1; i < (slot_size == 0 ? ctl->n_bins : ctl->first_pool_bin); i++) {
		struct tally t = { 0 };

		if (slot_size != 0 && ctl->bins[i].slot_size != slot_size)
			continue;
		if (key == KEY_EVERYONE)
			bin_tally_all(ctl, i, &t);
		else
			bin_tally(ctl, i, key, &t);
		t.in_use = positive(t.in_use);
		tally_add(&sum, &t);
	}
	return sum;
}

static bool
lcore_exists(const struct fastmem_ctl *ctl, unsigned int lcore_id)
{
	const struct fastmem_tcache *t;

	if (lcore_id >= RTE_MAX_LCORE)
		return false;
	if (!rte_lcore_has_role(lcore_id, ROLE_OFF))
		return true;
	/* A thread that was registered once has left its figures. */
	for (t = first_tcache(ctl); t != NULL; t = t->next)
		if (t->lcore == (int)lcore_id)
			return true;
	return false;
}

int
rte_fastmem_stats(struct rte_fastmem_stats *stats)
{
	struct fastmem_ctl *ctl = fastmem_ctl_get();
	int64_t n_free = 0;
	unsigned int i;

	if (stats == NULL)
		return -EINVAL;
	if (ctl == NULL)
		return -ENODEV;
	memset(stats, 0, sizeof(*stats));
	FASTMEM_HOOK(wrote, stats, sizeof(*stats));
	for (i = 1; i < ctl->n_bins; i++) {
		struct tally t;

		bin_tally_all(ctl, i, &t);
		stats->bytes_in_use += positive(t.in_use) *
			__atomic_load_n(&ctl->bins[i].slot_size, __ATOMIC_RELAXED);
		stats->alloc_total += t.alloc;
		n_free += t.free - t.misfreed;
		stats->alloc_nomem += t.nomem;
	}
	/* A reset may have come between the free and its discovery. */
	stats->free_total = positive(n_free);
	for (i = 0; i < ctl->n_sockets; i++) {
		struct fastmem_arena *arena = &ctl->arenas[i];

		stats->bytes_backing += fastmem_arena_bytes(arena);
		fastmem_arena_lock(arena);
		stats->bytes_free += arena->n_free << RTE_FASTMEM_GRANULE_SHIFT;
		fastmem_mutex_unlock(&arena->lock);
	}
	stats->bytes_metadata = get(&ctl->meta.bytes);
	stats->n_classes = RTE_FASTMEM_N_CLASSES;
	return 0;
}

int
rte_fastmem_stats_class(size_t class_size, struct rte_fastmem_class_stats *stats)
{
	struct fastmem_ctl *ctl = fastmem_ctl_get();
	struct tally t;
	unsigned int i;

	if (stats == NULL || class_by_size(class_size) == RTE_FASTMEM_N_CLASSES)
		return -EINVAL;
	if (ctl == NULL)
		return -ENODEV;
	memset(stats, 0, sizeof(*stats));
	FASTMEM_HOOK(wrote, stats, sizeof(*stats));
	t = size_tally(ctl, class_size, KEY_EVERYONE);
	stats->class_size = class_size;
	stats->in_use = t.in_use;
	stats->alloc_cache_hits = t.alloc - t.alloc_misses;
	stats->alloc_cache_misses = t.alloc_misses;
	stats->alloc_nomem = t.nomem;
	stats->free_cache_hits = t.free - t.free_misses;
	stats->free_cache_misses = t.free_misses;
	for (i = 1; i < ctl->first_pool_bin; i++) {
		struct fastmem_bin *bin = &ctl->bins[i];

		if (bin->slot_size != class_size)
			continue;
		fastmem_bin_lock(bin);
		stats->slab_acquires += bin->acquires - get(&bin->base_acquires);
		stats->slab_releases += bin->releases - get(&bin->base_releases);
		stats->slabs_partial += bin->n_partial;
		stats->slabs_full += bin->n_slabs - bin->n_partial;
		stats->bytes_backing += bin->n_granules << RTE_FASTMEM_GRANULE_SHIFT;
		fastmem_mutex_unlock(&bin->lock);
	}
	return 0;
}

static int
key_class_stats(int key, size_t class_size, struct rte_fastmem_lcore_class_stats *stats)
{
	struct fastmem_ctl *ctl = fastmem_ctl_get();
	struct tally t;

	if (stats == NULL || (class_size != 0 &&
			class_by_size(class_size) == RTE_FASTMEM_N_CLASSES))
		return -EINVAL;
	if (ctl == NULL)
		return -ENODEV;
	if (key != KEY_SHARED && !lcore_exists(ctl, key))
		return -EINVAL;
	t = size_tally(ctl, class_size, key);
	FASTMEM_HOOK(wrote, stats, sizeof(*stats));
	stats->class_size = class_size;
	stats->alloc_cache_hits = t.alloc - t.alloc_misses;
	stats->alloc_cache_misses = t.alloc_misses;
	stats->alloc_nomem = t.nomem;
	stats->free_cache_hits = t.free - t.free_misses;
	stats->free_cache_misses = t.free_misses;
	return 0;
}

static int
key_stats(int key, struct rte_fastmem_lcore_stats *stats)
{
	struct rte_fastmem_lcore_class_stats all;
	int ret = key_class_stats(key, 0, stats != NULL ? &all : NULL);

	if (ret != 0)
		return ret;
	FASTMEM_HOOK(wrote, stats, sizeof(*stats));
	stats->alloc_cache_hits = all.alloc_cache_hits;
	stats->alloc_cache_misses = all.alloc_cache_misses;
	stats->alloc_nomem = all.alloc_nomem;
	stats->free_cache_hits = all.free_cache_hits;
	stats->free_cache_misses = all.free_cache_misses;
	return 0;
}

int
rte_fastmem_stats_lcore(unsigned int lcore_id, struct rte_fastmem_lcore_stats *stats)
{
	return lcore_id < RTE_MAX_LCORE ? key_stats(lcore_id, stats) : -EINVAL;
}

int
rte_fastmem_stats_lcore_class(unsigned int lcore_id, size_t class_size,
		struct rte_fastmem_lcore_class_stats *stats)
{
	return lcore_id < RTE_MAX_LCORE && class_size != 0 ?
		key_class_stats(lcore_id, class_size, stats) : -EINVAL;
}

int
rte_fastmem_stats_shared(struct rte_fastmem_lcore_stats *stats)
{
	return key_stats(KEY_SHARED, stats);
}

int
rte_fastmem_stats_shared_class(size_t class_size, struct rte_fastmem_lcore_class_stats *stats)
{
	return class_size != 0 ? key_class_stats(KEY_SHARED, class_size, stats) : -EINVAL;
}

static void
set(uint64_t *counter, uint64_t value)
{
	__atomic_store_n(counter, value, __ATOMIC_RELAXED);
}

/* Counters run on; what they were at a reset is taken off when they are read. */
void
rte_fastmem_stats_reset(void)
{
	struct fastmem_ctl *ctl = fastmem_ctl_get();
	struct fastmem_tcache *t;
	unsigned int i;

	if (ctl == NULL)
		return;
	for (t = first_tcache(ctl); t != NULL; t = t->next) {
		for (i = 1; i < ctl->n_bins; i++) {
			struct fastmem_counts *counts = fastmem_counts(t, i);
			struct tally now;

			if (counts == NULL)
				continue;
			cache_read(t, i, &now);
			set(&counts->base_alloc, now.alloc);
			set(&counts->base_free, now.free);
			set(&counts->base_alloc_misses, now.alloc_misses);
			set(&counts->base_free_misses, now.free_misses);
			set(&counts->base_nomem, now.nomem);
		}
	}
	for (i = 1; i < ctl->n_bins; i++) {
		struct fastmem_bin *bin = &ctl->bins[i];

		fastmem_bin_lock(bin);
		set(&bin->base_acquires, bin->acquires);
		set(&bin->base_releases, bin->releases);
		fastmem_mutex_unlock(&bin->lock);
		set(&bin->base_alloc, get(&bin->direct_alloc));
		set(&bin->base_free, get(&bin->direct_free));
		set(&bin->base_misfreed, get(&bin->misfreed));
		set(&bin->base_nomem, get(&bin->direct_nomem));
		set(&bin->base_quarantined, bin_quarantined(ctl, i));
	}
}

static void
dump_processes(FILE *f)
{
	struct rte_fastmem_process list[FASTMEM_MAX_PEERS];
	unsigned int i, n = rte_fastmem_processes(list, RTE_DIM(list));

	for (i = 0; i < RTE_MIN(n, RTE_DIM(list)); i++)
		fprintf(f, "  process %u%s: %u threads, allocated less freed: %" PRId64 " objects, %"
			PRId64 " bytes\n", list[i].pid, list[i].alive ? "" : " (ended)",
			list[i].n_threads, list[i].n_objects, list[i].n_bytes);
}

static void
dump_arena(FILE *f, struct fastmem_arena *arena)
{
	uint64_t limit = __atomic_load_n(&arena->limit, __ATOMIC_RELAXED);
	uint64_t n_granules, n_free;
	unsigned int chunks = 0;
	uint32_t head;

	fastmem_arena_lock(arena);
	for (head = arena->chunks; head != 0; head = fastmem_granule(head)->chunk_next)
		chunks++;
	n_granules = arena->n_granules;
	n_free = arena->n_free;
	fastmem_mutex_unlock(&arena->lock);

	fprintf(f, "  socket %d: %" PRIu64 " KiB in %u chunks, %" PRIu64 " KiB free, limit ",
		arena->socket_id, n_granules * 64, chunks, n_free * 64);
	if (limit == SIZE_MAX)
		fprintf(f, "none\n");
	else
		fprintf(f, "%" PRIu64 " KiB\n", limit >> 10);
}

static void
dump_kept(FILE *f)
{
	struct rte_fastmem_thread list[64];
	struct rte_fastmem_kept kept;
	unsigned int i, n;

	if (rte_fastmem_kept(&kept) != 0)
		return;
	fprintf(f, "  kept: %" PRIu64 " KiB live, %" PRIu64 " KiB cached by threads, %" PRIu64
		" KiB by pools (%" PRIu64 " by their minima), %" PRIu64 " KiB free around these, %"
		PRIu64 " KiB in empty chunks (%" PRIu64 " reserved), %" PRIu64
		" KiB above a limit\n", kept.bytes_live >> 10, kept.bytes_cached >> 10,
		kept.bytes_pools >> 10, kept.bytes_pools_min >> 10, kept.bytes_around >> 10,
		kept.bytes_empty >> 10, kept.bytes_reserved >> 10, kept.bytes_held_back >> 10);
	n = RTE_MIN(rte_fastmem_threads(list, RTE_DIM(list)), RTE_DIM(list));
	for (i = 0; i < n; i++)
		if (list[i].bytes_cached != 0)
			fprintf(f, "  thread %u of process %u, lcore %d: %" PRIu64 " KiB cached\n",
				list[i].tid, list[i].pid, list[i].lcore_id,
				list[i].bytes_cached >> 10);
}

static void
dump_pool(struct rte_fastmem_pool *pool, void *f)
{
	rte_fastmem_pool_dump(f, pool);
}

void
rte_fastmem_dump(FILE *f)
{
	FASTMEM_UNCANCELLABLE;
	struct fastmem_ctl *ctl = fastmem_ctl_get();
	struct rte_fastmem_stats all;
	size_t sizes[RTE_FASTMEM_N_CLASSES];
	unsigned int i;

	if (f == NULL)
		return;
	if (rte_fastmem_stats(&all) != 0) {
		fprintf(f, "fastmem: not initialised\n");
		return;
	}
	fprintf(f, "fastmem: %" PRIu64 " KiB in use, %" PRIu64 " KiB backing, %" PRIu64
		" KiB bookkeeping, %" PRIu64 " allocated, %" PRIu64 " freed, %" PRIu64
		" refused\n", all.bytes_in_use >> 10, all.bytes_backing >> 10,
		all.bytes_metadata >> 10, all.alloc_total, all.free_total, all.alloc_nomem);
	for (i = 0; i < ctl->n_sockets; i++)
		dump_arena(f, &ctl->arenas[i]);
	dump_kept(f);
	dump_processes(f);
	fprintf(f, "  %8s %10s %10s %14s %10s %12s %8s %8s\n", "size", "in use", "cached",
		"allocated", "misses", "freed", "partial", "full");
	for (i = 0; i < rte_fastmem_classes(sizes); i++) {
		struct tally t = size_tally(ctl, sizes[i], KEY_EVERYONE);
		struct rte_fastmem_class_stats class_stats;

		/* The primary's deinit may be at work in another process. */
		if (rte_fastmem_stats_class(sizes[i], &class_stats) != 0)
			return;
		if (class_stats.slabs_partial + class_stats.slabs_full + t.alloc == 0)
			continue;
		fprintf(f, "  %8zu %10" PRIu64 " %10" PRIu64 " %14" PRIu64 " %10" PRIu64
			" %12" PRIu64 " %8u %8u\n", sizes[i], t.in_use, t.cached, t.alloc,
			t.alloc_misses, t.free, class_stats.slabs_partial,
			class_stats.slabs_full);
	}
	rte_fastmem_pool_walk(dump_pool, f);
}
