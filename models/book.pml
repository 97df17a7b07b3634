/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The fastmem authors
 */

/*
 * What a process has of a pool: a thread that ends, or that gets another lcore id, books it while
 * the pool is freed, and while the next pool of that place and the next thread of those caches
 * begin. lib/fastmem/lib/fastmem/fastmem_thread.c: fastmem_peer_count_held() and count_held(); pool.c:
 * pool_end() with fastmem_cache_forget(); fastmem_thread.c: thread_give_back() and tcache_reuse().
 *
 * Checked: in the end, the account of each process is what its application has of the pool that
 * is there. See README.md.
 */

/*
 * Errors that must be found, by spin -DBUG=n:
 *
 * BUG 1: it is booked without the lock
 * BUG 2: how much is to be booked is known before the lock is held
 * BUG 3: the caches are forgotten without the lock
 * BUG 4: accounts are cleared before the caches are forgotten
 * BUG 5: the caches are given up before they are booked
 */
#ifndef BUG
#define BUG 0
#endif

#define PROCESSES 2 /* numbers 0 and 1; one thread each */
#define OPS 2 /* of the first thread, before and after it books for the first time */

/* The caches of a thread, of this pool. What is in magazines has been given back. */
short n_in; /* got, less what was put */
short held_before; /* of these: booked */
byte owner; /* number of the process + 1; 0: none */

short held[PROCESSES]; /* accounts */
bool lock; /* pool.caches */

/* The pool, and what the application of each process has of it. */
bool used = true; /* the first one, by the first thread */
bool next; /* the second one is there */
short has[PROCESSES];
byte ended;

#define LOCK(has_one) \
	if \
	:: has_one -> atomic { !lock -> lock = true } \
	:: else \
	fi
#define UNLOCK(has_one) \
	if \
	:: has_one -> lock = false \
	:: else \
	fi

inline count_held(p)
{
	if
	:: n_in != held_before ->
#if BUG == 2
		live = n_in;
		change = live - held_before;
#endif
		LOCK(BUG != 1);
#if BUG != 2
		live = n_in;
		change = live - held_before;
#endif
		held_before = live;
		held[p] = held[p] + change;
		UNLOCK(BUG != 1)
	:: else
	fi;
	atomic { live = 0; change = 0 }
}

/* At the end, or as the lcore id has changed. */
inline thread_give_back(p)
{
#if BUG == 5
	owner = 0;
	count_held(p)
#else
	count_held(p);
	owner = 0
#endif
}

/* Gets and puts. */
inline use(p)
{
	n = 0;
	do
	:: n < OPS -> atomic { n_in++; has[p]++; n++ }
	:: n < OPS && has[p] > 0 -> atomic { n_in--; has[p]--; n++ }
	:: break
	od;
	n = 0
}

proctype thread(byte p)
{
	short live, change;
	byte n;

	if
	:: p == 0 ->
		owner = p + 1;
		use(p);
		thread_give_back(p);
		atomic { owner == 0 -> owner = p + 1 };
		use(p);
		used = false
	:: else ->
		atomic { next && owner == 0 -> owner = p + 1 };
		use(p)
	fi;
	thread_give_back(p);
	ended++
}

/* Another thread frees the pool when nobody uses it, and makes another one. */
proctype freer()
{
	byte p;

	!used;
#if BUG == 4
	held[0] = 0;
	held[1] = 0;
#endif
	LOCK(BUG != 3);
	n_in = 0;
	held_before = 0;
	UNLOCK(BUG != 3);
#if BUG != 4
	held[0] = 0;
	held[1] = 0;
#endif
	atomic { has[0] = 0; has[1] = 0; next = true };
	ended++
}

init
{
	byte p;

	atomic {
		run thread(0);
		run thread(1);
		run freer()
	};
	ended == PROCESSES + 1;
	assert(n_in == held_before);
	for (p : 0 .. PROCESSES - 1) {
		assert(held[p] == has[p])
	}
}
