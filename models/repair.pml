/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The fastmem authors
 */

/*
 * Slots between the bits of a slab and the magazines of thread caches, where a
 * process may be killed between any two steps, and so may be whoever takes its
 * cache back. lib/fastmem/fastmem_bin.c: fastmem_bin_lock(), bin_repair(); fastmem_slab.c:
 * slab_claim() and put_batch(), with struct fastmem_transfer; fastmem_cache.c:
 * cache_refill() and cache_spill_to_slabs(); fastmem_cache_lock.c: cache_close();
 * process.c: peer_take_back().
 *
 * Checked: no slot is in two places; none is lost but those that the application
 * of the dead process held; nobody waits for a dead process. See README.md.
 */

/*
 * Errors that must be found, by spin -DBUG=n:
 *
 * BUG 1: a batch is not written down
 * BUG 2: a batch is written down after its bits are changed
 * BUG 3: repair leaves the count of the magazine alone
 * BUG 4: locks are not repaired before caches are taken back
 * BUG 5: the count is reset before top has it
 * BUG 6: the death of a holder goes unnoticed
 */
#ifndef BUG
#define BUG 0
#endif

#ifndef SLOTS
#define SLOTS 2
#endif
#define CAPACITY 2 /* of a magazine */
#define WORKERS 2 /* numbers 1 and 2; the first one may die */
#define VICTIM 1
#define TAKERS 2 /* numbers 3 and 4; the first one may die, too */
#ifndef OPS
#define OPS (me == VICTIM -> 3 : 2)
#endif

bool is_free[SLOTS]; /* the bits */

/* The loaded magazine of each worker: its objects, its n, and the cache's top. */
byte obj[(WORKERS + 1) * CAPACITY];
byte mn[WORKERS + 1];
byte top[WORKERS + 1];

/* Whose application has the slot. 0: none */
byte app[SLOTS];

/* bin.lock: who holds it. If that one has died, the next one is told. */
byte lock;

/* struct fastmem_transfer */
mtype = { NONE, CLAIM, FREE };
mtype op = NONE;
byte t_list, t_first, t_n, t_count;

bool dead[WORKERS + TAKERS + 1];
bool taken; /* all that the victim had is taken back */
byte done; /* workers that have ended, or are dead */

#define OBJ(list, i) obj[(list) * CAPACITY + (i)]

inline transfer_begin(o, whose, from, number, total)
{
	/* In one step: nobody looks before op is set. */
	atomic { t_list = whose; t_first = from; t_n = number; t_count = total };
#if BUG != 1
	op = o
#endif
}

inline transfer_end()
{
	mn[t_list] = t_count;
	op = NONE
}

/* With a robust mutex, and bin_repair(). */
inline bin_lock(me)
{
	atomic {
#if BUG == 6
		lock == 0;
#else
		lock == 0 || dead[lock];
#endif
		died = lock != 0;
		lock = me
	};
	if
	:: died && op != NONE ->
		for (i : 0 .. t_n - 1) {
			is_free[OBJ(t_list, t_first + i)] = (op == FREE)
		}
#if BUG == 3
		op = NONE
#else
		transfer_end()
#endif
	:: else
	fi;
	atomic { died = false; i = 0 }
}

inline unlock()
{
	lock = 0
}

/* fastmem_slab_alloc(), into the magazine of a worker, which is empty */
inline claim(me)
{
	/* In one step: what is beyond the count means nothing. */
	atomic {
		n = 0;
		for (s : 0 .. SLOTS - 1) {
			if
			:: is_free[s] && n < CAPACITY -> OBJ(me, n) = s; n++
			:: else
			fi
		}
		s = 0
	}
	if
	:: n ->
#if BUG == 2
		for (i : 0 .. n - 1) {
			is_free[OBJ(me, i)] = false
		}
		transfer_begin(CLAIM, me, 0, n, n);
#else
		transfer_begin(CLAIM, me, 0, n, n);
		for (i : 0 .. n - 1) {
			is_free[OBJ(me, i)] = false
		}
#endif
		transfer_end()
	:: else
	fi
}

/* fastmem_slab_free(): all objects of the magazine of a worker */
inline free(whose, locker)
{
	do
	:: mn[whose] == 0 -> break
	:: else ->
		bin_lock(locker);
		n = mn[whose];
		if
		:: n ->
			transfer_begin(FREE, whose, 0, n, 0);
			for (i : 0 .. n - 1) {
				assert(app[OBJ(whose, i)] == 0);
				assert(!is_free[OBJ(whose, i)]);
				is_free[OBJ(whose, i)] = true
			}
			transfer_end()
		:: else
		fi;
		unlock()
	od
}

inline refill(me)
{
	bin_lock(me);
	claim(me);
	unlock();
	if
	:: mn[me] ->
#if BUG == 5
		n = mn[me];
		mn[me] = 0;
		top[me] = n
#else
		top[me] = mn[me];
		mn[me] = 0
#endif
	:: else
	fi
}

inline spill(me)
{
	mn[me] = top[me];
	top[me] = 0;
	free(me, me)
}

inline pop(me)
{
	atomic {
		top[me] = top[me] - 1;
		s = OBJ(me, top[me]);
		assert(app[s] == 0 && !is_free[s]);
		app[s] = me
	}
}

inline push(me)
{
	atomic {
		s = 0;
		do
		:: s < SLOTS && app[s] != me -> s++
		:: else -> break
		od
	};
	if
	:: s < SLOTS ->
		OBJ(me, top[me]) = s;
		atomic { app[s] = 0; top[me] = top[me] + 1 }
	:: else
	fi
}

proctype worker(byte me)
{
	byte ops, i, n, s;
	bool died;

	{
		do
		:: ops < OPS ->
			if
			:: top[me] == 0 -> refill(me)
			:: top[me] > 0 -> pop(me)
			:: top[me] < CAPACITY -> push(me)
			:: top[me] == CAPACITY -> spill(me)
			fi;
			atomic { ops++; i = 0; n = 0; s = 0 }
		:: else -> break
		od;
		atomic { done++; ops = 0 }
	} unless {
		dead[me]
	}
}

/* peer_take_back(), under peers_lock: the second one comes when the first has died. */
proctype taker(byte me)
{
	byte i, n, s;
	bool died;

	{
		(me == WORKERS + 1 || dead[me - 1] || taken || done == WORKERS);
		(dead[VICTIM] || done == WORKERS);
		(me == WORKERS + 1 || dead[me - 1] || taken || !dead[VICTIM]);
		if
		:: dead[VICTIM] && !taken ->
#if BUG != 4
			bin_lock(me);
			unlock();
#endif
			/* cache_close() */
			mn[VICTIM] = (mn[VICTIM] > top[VICTIM] -> mn[VICTIM] : top[VICTIM]);
			top[VICTIM] = 0;
			free(VICTIM, me);
			taken = true
		:: else
		fi
	} unless {
		dead[me]
	}
}

proctype killer()
{
	if
	:: atomic { done == 0 -> dead[VICTIM] = true; done++ }
	:: done == WORKERS && !dead[VICTIM]
	fi;
	if
	:: atomic { dead[VICTIM] && !taken -> dead[WORKERS + 1] = true }
	:: true
	fi
}

init
{
	byte s, w, i, places;

	atomic {
		for (s : 0 .. SLOTS - 1) {
			is_free[s] = true
		}
		run worker(1);
		run worker(2);
		run taker(3);
		run taker(4);
		run killer()
	};
	/* Who waits for ever, does so here: an invalid end state. */
	(_nr_pr == 1);
	assert(!dead[VICTIM] || taken);
	for (s : 0 .. SLOTS - 1) {
		places = is_free[s] + (app[s] != 0);
		for (w : 1 .. WORKERS) {
			i = (mn[w] > top[w] -> mn[w] : top[w]);
			assert(i == 0 || w != VICTIM || !dead[VICTIM]);
			do
			:: i > 0 ->
				i--;
				places = places + (OBJ(w, i) == s)
			:: else -> break
			od
		}
		assert(places == 1)
	}
}
