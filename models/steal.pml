/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The fastmem authors
 */

/*
 * Theft of spare magazines: fastmem_cache_put_spare() and fastmem_cache_take_spare() of
 * lib/fastmem/fastmem_cache.h, steal_spare() of fastmem_reclaim.c, and
 * fastmem_magazine_change() of fastmem_depot.c,
 * step by step. A victim with two caches uses its spare magazines, and gets others
 * from the pool of unused ones; two thieves steal, and give to that pool.
 *
 * Checked: no magazine is used by two at once, and none that is loaded is stolen;
 * none is lost. See README.md.
 */

/*
 * Errors that must be found, by spin -DBUG=n:
 *
 * BUG 1: what is its own again passes for what is still its own
 * BUG 2: a thief does not look at spare once more
 * BUG 3: spare is set before its owner word
 */
#ifndef BUG
#define BUG 0
#endif

#define MAGAZINES 3 /* numbers 1 to 3 */
#define CACHES 2 /* of the victim: 0 and 1 */
#define VICTIM 1
#define UNUSED 9
#ifndef OPS
#define OPS 5 /* of the victim */
#endif
#define THEFTS 2 /* tries of each thief */

/* A magazine's owner word. Index 0 is not used. */
byte tag[MAGAZINES + 1];
byte owner[MAGAZINES + 1];

/* The victim's caches. 0: no spare magazine. */
byte spare[CACHES];
byte spare_tag[CACHES]; /* the owner word when it became that; the owner is the victim */

byte user[MAGAZINES + 1]; /* who may touch its objects now. 0: nobody */

/* {tag, from} -> {tag + 1, to}. ok: whether it was */
#define CHANGE(m, t, from, to) \
	atomic { \
		if \
		:: tag[m] == t && owner[m] == from -> \
			tag[m] = t + 1; owner[m] = to; ok = true; \
			assert(user[m] == 0); \
			user[m] = to \
		:: else -> ok = false \
		fi \
	}

/* To the pool, and from it: under meta.lock. */
inline pool_put(m, me)
{
	atomic {
		assert(user[m] == me);
		user[m] = 0;
		tag[m] = tag[m] + 1;
		owner[m] = UNUSED
	}
}

inline pool_get(m)
{
	atomic {
		m = 0;
		if
		:: owner[1] == UNUSED -> m = 1
		:: owner[2] == UNUSED -> m = 2
		:: owner[3] == UNUSED -> m = 3
		:: else
		fi;
		if
		:: m ->
			tag[m] = tag[m] + 1;
			owner[m] = VICTIM;
			assert(user[m] == 0);
			user[m] = VICTIM
		:: else
		fi
	}
}

inline put_spare(c, m)
{
#if BUG == 3
	atomic { user[m] = 0; spare[c] = m };
	spare_tag[c] = tag[m]
#else
	spare_tag[c] = tag[m];
	atomic { user[m] = 0; spare[c] = m }
#endif
}

/* got: the magazine, or 0 */
inline take_spare(c)
{
	got = spare[c];
	if
	:: got ->
		spare[c] = 0;
#if BUG == 1
		atomic {
			if
			:: owner[got] == VICTIM ->
				tag[got] = tag[got] + 1;
				assert(user[got] == 0);
				user[got] = VICTIM
			:: else -> got = 0
			fi
		}
#else
		CHANGE(got, spare_tag[c], VICTIM, VICTIM);
		if
		:: ok
		:: else -> got = 0
		fi
#endif
	:: else
	fi
}

proctype victim()
{
	byte loaded[CACHES];
	byte got, n, c;
	bool ok;

	do
	:: n < OPS ->
		n++;
		if
		:: c = 0
		:: c = 1
		fi;
		take_spare(c);
		if
		:: got == 0 -> pool_get(got)
		:: else
		fi;
		if
		:: got && loaded[c] -> put_spare(c, loaded[c]); loaded[c] = got
		:: got && !loaded[c] -> loaded[c] = got
		/* As rte_fastmem_cache_flush(). */
		:: got && loaded[c] -> pool_put(loaded[c], VICTIM); pool_put(got, VICTIM); loaded[c] = 0
		:: else
		fi;
		got = 0
	:: else -> break
	od
}

proctype thief(byte me)
{
	byte m, t, n, c;
	bool ok;

	do
	:: n < THEFTS ->
		n++;
		if
		:: c = 0
		:: c = 1
		fi;
		m = spare[c];
		if
		:: m ->
			t = spare_tag[c];
			if
#if BUG == 2
			:: true ->
#else
			:: spare[c] == m ->
#endif
				CHANGE(m, t, VICTIM, me);
				if
				:: ok -> pool_put(m, me)
				:: else
				fi
			:: else
			fi
		:: else
		fi;
		atomic { m = 0; t = 0; ok = false }
	:: else -> break
	od
}

init
{
	byte i;

	atomic {
		for (i : 1 .. MAGAZINES) {
			owner[i] = UNUSED
		}
		run victim();
		run thief(2);
		run thief(3)
	};
	(_nr_pr == 1);
	/* Each is in the pool, loaded, or a spare that is still the victim's. */
	for (i : 1 .. MAGAZINES) {
		assert(owner[i] == UNUSED || user[i] == VICTIM ||
			(spare[0] == i && spare_tag[0] == tag[i]) ||
			(spare[1] == i && spare_tag[1] == tag[i]))
	}
}
