/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The fastmem authors
 */

/*
 * Growth of a pool by several processes: fastmem_pool_grow(), pool_grow_to(), pool_make_room() and
 * fastmem_pool_shrink() of lib/fastmem/pool/pool_grow.c, pool_end() of pool.c, fastmem_slab_enter()
 * of fastmem_slab.c, bin_repair() of fastmem_bin.c, and the requests of process_mp.c.
 *
 * A secondary grows the pool itself, and asks the primary for memory if there is none. Another
 * one asks the primary to grow it. The primary's thread that serves them shrinks pools on its way,
 * and another thread of the primary frees the pool at any time, and makes one of another shape in
 * its place. A third secondary is killed as it grows the pool.
 *
 * Checked: no pool has a slab of another one's shape, or more slabs than it may have; no number
 * is given twice; nobody waits for ever. See README.md.
 */

/*
 * Errors that must be found, by spin -DBUG=n:
 *
 * BUG 1: a request for growth does not say which pool it is meant for
 * BUG 2: the pool's lock is held while memory is asked for
 * BUG 3: growth reads the counts without the lock that repairs them
 * BUG 4: after a death, the next number comes from a count that is not repaired
 */
#ifndef BUG
#define BUG 0
#endif

#define MAX 2 /* slabs of a pool */
#define SLABS 4 /* that there can be */

/* Who may hold a lock. */
#define SERVER 1
#define FREER 2
#define GROWER 3
#define VICTIM 4

byte generation = 1; /* is the pool's shape, too */
bool live = true;

/* Of each slab: the generation that made it; 0: none. Its number. */
byte shape[SLABS];
byte number[SLABS];
byte count; /* of the pool's slabs: under bin.lock */
byte next_number; /* under pool.grow */

byte memory = 1; /* slabs that the arena has */
byte grow; /* pool.grow: who holds it */
byte bin; /* bin.lock */
bool dead[VICTIM + 1];
byte ended;

mtype = { MEMORY, GROWTH };
chan asked = [2] of { mtype, byte }; /* what, for which generation */
chan answered = [1] of { bool };

/* bin.lock; with bin_repair() */
inline bin_lock(me)
{
	atomic {
		bin == 0 || dead[bin];
		died = bin != 0;
		bin = me
	};
	if
	:: died ->
		count = 0;
		atomic {
			for (i : 0 .. SLABS - 1) {
				if
				:: shape[i] -> count++
				:: else
				fi
			}
			i = 0;
			died = false
		}
	:: else
	fi
}

/* fastmem_bin_extent() */
inline read_count(me)
{
#if BUG == 3
	n = count
#else
	bin_lock(me);
	n = count;
	bin = 0
#endif
}

/* fastmem_pool_grow_lock() */
inline grow_lock(me)
{
	atomic {
		grow == 0 || dead[grow];
		was_dead = grow != 0;
		grow = me
	};
	if
	:: was_dead ->
#if BUG == 4
		n = count;
#else
		read_count(me);
#endif
		next_number = n;
		was_dead = false
	:: else
	fi
}

/* pool_add_slab(): n is how many there are. Leaves whether that was possible in done. */
inline add_slab(me)
{
	done = false;
	if
	:: atomic { memory > 0 -> memory-- };
		/* The slab has its number, and then is entered. */
		m = next_number;
		next_number++;
		bin_lock(me);
		atomic {
			i = 0;
			do
			:: shape[i] -> i++
			:: else -> break
			od;
			shape[i] = generation;
			number[i] = m;
			i = 0
		};
		count = count + 1;
		bin = 0;
		done = true
	:: memory == 0
	fi
}

/* pool_grow_to() of one more slab, if there can be one. Leaves whether memory is lacking. */
inline grow_to(me, meant)
{
	grow_lock(me);
	lacking = false;
	if
#if BUG == 1
	:: true ->
#else
	:: live && generation == meant ->
#endif
		read_count(me);
		if
		:: n < MAX -> add_slab(me); lacking = !done
		:: else
		fi
#if BUG != 1
	:: else
#endif
	fi
}

inline end_slabs(me)
{
	do
	:: true ->
		read_count(me);
		if
		:: n == 0 -> break
		:: else
		fi;
		bin_lock(me);
		atomic {
			i = 0;
			do
			:: i < SLABS && shape[i] == 0 -> i++
			:: else -> break
			od;
			if
			:: i < SLABS -> shape[i] = 0; count--; memory++
			:: else
			fi;
			i = 0
		};
		bin = 0
	od
}

/* The primary's thread that serves. */
active proctype server()
{
	byte i, n, m, meant;
	bool died, was_dead, done, lacking;
	mtype what;

end:
	do
	:: asked ? what, meant ->
		/* Pools are shrunk for what grows: their locks are taken. */
		grow_lock(SERVER);
		grow = 0;
		if
		:: what == MEMORY -> memory = 1
		:: what == GROWTH -> memory = 1; grow_to(SERVER, meant); grow = 0
		fi;
		answered ! true
	od
}

/* One request at a time is on its way: the other secondary is as this one. */
bool asking;
#define ASK(what, meant) \
	atomic { !asking -> asking = true }; \
	asked ! what, meant; \
	answered ? done; \
	asking = false

active proctype grower()
{
	byte i, n, m, meant = generation;
	bool died, was_dead, done, lacking;

	grow_to(GROWER, meant);
#if BUG != 2
	grow = 0;
#endif
	if
	:: lacking ->
		ASK(MEMORY, 0);
#if BUG == 2
		grow = 0;
#endif
		grow_to(GROWER, meant);
		grow = 0
	:: else ->
#if BUG == 2
		grow = 0
#endif
	fi;
	ended++
}

/* It asks for growth by the primary, and may be killed before that serves it. */
active proctype asker()
{
	byte meant = generation;
	bool done;

	ASK(GROWTH, meant);
	ended++
}

active proctype victim()
{
	byte i, n, m, meant = generation;
	bool died, was_dead, done, lacking;

	{
		grow_to(VICTIM, meant);
		grow = 0
	} unless {
		dead[VICTIM]
	};
	ended++
}

active proctype killer()
{
	if
	:: dead[VICTIM] = true
	:: true
	fi
}

/* Frees the pool, and makes another one in its place, whose only slabs are those it grows. */
active proctype freer()
{
	byte i, n, m;
	bool died, was_dead, done, lacking;

	if
	:: true ->
		live = false;
		grow_lock(FREER);
		end_slabs(FREER);
		grow = 0;
		next_number = 0;
		atomic { generation++; live = true }
	:: true
	fi;
	ended++
}

init
{
	byte i, j, n, m;
	bool died, was_dead;

	ended == 4;
	grow_lock(SERVER);
	read_count(SERVER);
	grow = 0;
	assert(n <= MAX);
	atomic {
		m = 0;
		for (i : 0 .. SLABS - 1) {
			if
			:: shape[i] ->
				m++;
				assert(shape[i] == generation && number[i] < n);
				for (j : 0 .. SLABS - 1) {
					assert(j == i || shape[j] == 0 || number[j] != number[i])
				}
			:: else
			fi
		}
		assert(m == n)
	}
}
