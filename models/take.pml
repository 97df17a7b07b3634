/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The fastmem authors
 */

/*
 * Taking objects of a pool out of the loaded magazine of another thread:
 * rte_fastmem_pool_get() and rte_fastmem_push() against fastmem_steal(), cache_limit() and
 * cache_collect() of lib/fastmem/pool/pool_steal.c, and fastmem_cache_restore() and swap_spare() of
 * fastmem_cache.h and fastmem_cache.c, step by step. An owner pops and pushes; thieves take. The
 * owner or the first thief may be killed between any two steps: then the next to take the lock
 * repairs, repair() of fastmem_cache_lock.c, and another process takes back what the dead owner had
 * cached, fastmem_tcache_close().
 *
 * As the fast path has no fence, stores are not seen at once here: each of them has a
 * buffer of stores, first in first out, which goes to memory at any time later, in a
 * locked instruction, when the process is killed, or by membarrier(2), which the thieves call
 * (total store order). Where the lock is held, stores to what only its holders read are
 * seen at once.
 *
 * Checked: no object is had by two, or had and free at once; none is lost but those that the
 * application of a dead process had; nobody waits for the dead. See README.md.
 */

/*
 * Errors that must be found, by spin -DBUG=n:
 *
 * BUG 1: the thief does not call membarrier
 * BUG 2: the owner looks at the limit before it tells where top will be
 * BUG 3: the thief reads top before it reads what the owner has told
 * BUG 4: the thief does not care for what the owner has told
 * BUG 5: the owner takes back what it has told before it moves top
 * BUG 6: the move of a dead owner is not completed before its cache is read
 * BUG 7: what a dead thief took stays in the cache
 * BUG 8: a cache that a dead thief was about to forbid stays half open
 * BUG 9: the caches of the dead are closed without the lock
 */
#ifndef BUG
#define BUG 0
#endif

#define OBJECTS 2 /* numbers 1 and 2 */
#define CAPACITY 2
#ifndef OPS
#define OPS 3 /* of the owner */
#endif

/* Processes: numbers in lock and in user. */
#define FREE 0
#define OWNER 1
#define THIEF 2 /* the first one */
#define THIEVES 2
#define TAKER 4

/* Two magazines: their objects and n. Places are counted through. */
#define MAGAZINES 2
#define PLACES 4
#define NONE 9 /* a place that is none, above all */
byte objs[PLACES];
byte mn[MAGAZINES];

/* The cache. */
byte loaded; /* magazine; MAGAZINES: none */
byte top;
byte base;
byte end = CAPACITY;
byte popping; /* where top will be, plus 1. 0: nowhere */
bool moving; /* seq is odd */

/* pool.stolen, stolen_n and stolen_total */
byte stolen, stolen_n, stolen_total;

byte lock; /* who holds it. If that one has died, the next one is told. */
bool slab[OBJECTS + 1]; /* under lock: whether the object is there */

/* Stores on their way. */
#define TOP 0
#define POPPING 1
#define BASE 2
#define END 3
#define OBJ 4 /* plus its place */
chan of_owner = [4] of { byte, byte };
chan of_thief = [2] of { byte, byte };
chan of_nobody = [1] of { byte, byte };

/* Not in the program: who has an object; who is to die, and has. */
byte user[OBJECTS + 1];
byte victim;
bool dead[TAKER + 1];
byte ended;

#define APPLY(var, value) \
	if \
	:: var == TOP -> top = value \
	:: var == POPPING -> popping = value \
	:: var == BASE -> base = value \
	:: var == END -> end = value \
	:: var >= OBJ -> objs[var - OBJ] = value \
	fi

#define DRAIN(buffer) \
	do \
	:: buffer ? v, x -> APPLY(v, x) \
	:: empty(buffer) -> break \
	od; \
	v = 0; x = 0

#define HAVE(o, who) assert(o && user[o] == FREE && !slab[o]); user[o] = who
#define GIVE(o) assert(user[o] == FREE && !slab[o]); slab[o] = true

#define FIRST(m) ((m) * CAPACITY)
#define OBJS (base < end -> base : end) /* fastmem_cache_objs() */
#define FORBIDDEN (base > end)

/* Stores reach memory at any time. */
active proctype memory()
{
	byte v, x;

endless:
	do
	:: atomic { of_owner ? v, x -> APPLY(v, x); v = 0; x = 0 }
	:: atomic { of_thief ? v, x -> APPLY(v, x); v = 0; x = 0 }
	od
}

/* One of them is killed, at any time, or nobody. */
active proctype killer()
{
	if
	:: victim = OWNER
	:: victim = THIEF
	:: true
	fi
}

/* cache_close(): whatever the cache has is in magazines then, whose n is true. */
inline cache_close()
{
	moving = true;
	atomic {
		if
		:: loaded < MAGAZINES && top >= FIRST(loaded) && top <= FIRST(loaded) + CAPACITY ->
			if
			:: top - FIRST(loaded) > mn[loaded] -> mn[loaded] = top - FIRST(loaded)
			:: else
			fi
		:: else
		fi
	};
	top = NONE;
	base = NONE;
	end = NONE;
	loaded = MAGAZINES;
	popping = 0;
	moving = false
}

/* repair(). Under lock. */
inline repair()
{
#if BUG == 7
	stolen_total = 0;
#endif
	i = stolen_n;
	do
	:: i < stolen_total -> objs[stolen + i] = 0; i++
	:: else -> break
	od;
	i = 0;
	stolen_total = 0;
	if
#if BUG != 6
	:: moving -> cache_close()
#endif
#if BUG != 8
	:: !moving && loaded < MAGAZINES && base == end -> base = NONE
#endif
	:: else
	fi
}

inline take_lock(me, buffer)
{
	atomic {
		lock == 0 || dead[lock];
		died = lock != 0;
		lock = me;
		DRAIN(buffer)
	};
	if
	:: died -> repair()
	:: else
	fi;
	died = false
}

inline unlock(buffer)
{
	atomic { DRAIN(buffer); lock = 0 }
}

/* Under lock. */
inline slab_take(o, who)
{
	atomic {
		o = 0;
		if
		:: slab[1] -> o = 1
		:: slab[2] -> o = 2
		:: else
		fi;
		if
		:: o -> slab[o] = false; HAVE(o, who)
		:: else
		fi
	}
}

/* fastmem_slab_free(): see repair.pml for a death within. */
inline magazine_free(m)
{
	atomic {
		i = 0;
		do
		:: i < mn[m] ->
			if
			:: objs[FIRST(m) + i] -> GIVE(objs[FIRST(m) + i])
			:: else
			fi;
			objs[FIRST(m) + i] = 0;
			i++
		:: else -> break
		od;
		mn[m] = 0;
		i = 0
	}
}

/* fastmem_cache_restore() */
inline cache_restore()
{
	moving = true;
	mn[loaded] = top - FIRST(loaded);
	top = FIRST(loaded);
	base = FIRST(loaded);
	end = FIRST(loaded) + CAPACITY;
	moving = false;
	magazine_free(loaded)
}

/* swap_spare(): the other magazine is the spare one. */
inline swap_spare()
{
	moving = true;
	mn[loaded] = top - OBJS;
	loaded = 1 - loaded;
	base = FIRST(loaded);
	end = FIRST(loaded) + CAPACITY;
	top = FIRST(loaded) + mn[loaded];
	mn[loaded] = 0;
	moving = false
}

/* What the owner sees in a place: the latest of its own stores and others'. */
inline look(place)
{
	o = objs[place];
	if
	:: of_owner ?? [eval(OBJ + place), 1] -> o = 1
	:: of_owner ?? [eval(OBJ + place), 2] -> o = 2
	:: else
	fi
}

proctype owner()
{
	byte v, x, n, o, i, t = top;
	bool pop, slow, died;

	{
	do
	:: n < OPS ->
		n++;
		slow = false;
		if
		:: pop = true
		:: user[1] == OWNER -> pop = false; o = 1
		:: user[2] == OWNER -> pop = false; o = 2
		fi;
		if
		:: pop ->
#if BUG == 2
			if
			:: t <= base -> slow = true
			:: else
			fi;
			of_owner ! POPPING, t;
#else
			/* Where top will be is t - 1. */
			of_owner ! POPPING, t;
			if
			:: t <= base -> slow = true
			:: else
			fi;
#endif
			if
			:: !slow ->
				t--;
#if BUG == 5
				of_owner ! POPPING, 0;
				atomic { of_owner ! TOP, t; look(t); HAVE(o, OWNER) }
#else
				atomic { of_owner ! TOP, t; look(t); HAVE(o, OWNER) };
				of_owner ! POPPING, 0
#endif
			:: else
			fi
		:: else ->
			if
			:: t >= end -> slow = true
			:: else ->
				of_owner ! OBJ + t, o;
				t++;
				atomic { of_owner ! TOP, t; user[o] = FREE }
			fi
		fi;
		if
		:: slow ->
			if
			:: pop -> of_owner ! POPPING, 0
			:: else
			fi;
			take_lock(OWNER, of_owner);
			if
			:: FORBIDDEN -> cache_restore()
			:: else
			fi;
			if
			:: pop && top == base && mn[1 - loaded] > 0 -> swap_spare()
			:: !pop && top >= end ->
				assert(top == end);
				if
				:: mn[1 - loaded] == 0 -> swap_spare()
				:: else
				fi
			:: else
			fi;
			if
			:: pop && top == base -> slab_take(o, OWNER)
			:: pop && top != base ->
				atomic { top--; o = objs[top]; HAVE(o, OWNER) }
			:: !pop && top < end ->
				objs[top] = o;
				atomic { top++; user[o] = FREE }
			:: else -> atomic { user[o] = FREE; GIVE(o) }
			fi;
			t = top;
			unlock(of_owner)
		:: else
		fi;
		o = 0
	:: else -> break
	od
	} unless {
		atomic { victim == OWNER -> DRAIN(of_owner); dead[OWNER] = true }
	};
	ended++
}

proctype thief(byte me)
{
	byte v, x, o, i, limit, told, seen;
	bool died;

	{
	take_lock(me, of_thief);
	if
	:: loaded < MAGAZINES && top != OBJS ->
		if
		:: !FORBIDDEN ->
			atomic { o = OBJS; of_thief ! END, o };
			atomic { of_thief ! BASE, NONE; o = 0 }
		:: else
		fi;
#if BUG == 1
		/* It goes on with its own stores as it knows them. */
		limit = OBJS;
#else
		atomic { DRAIN(of_thief); DRAIN(of_owner); limit = OBJS };
#endif
#if BUG == 3
		seen = top;
		told = popping;
#else
		told = popping;
		seen = top;
#endif
		atomic {
			assert(seen >= limit && seen - limit <= CAPACITY);
#if BUG != 4
			if
			:: told && told - 1 < seen && told > limit -> seen = told - 1
			:: else
			fi;
#endif
			stolen = FIRST(loaded);
			stolen_n = seen - limit;
			stolen_total = stolen_n;
			told = 0; seen = 0; limit = 0
		};
		/* fastmem_slab_free_array() */
		do
		:: stolen_n > 0 ->
			atomic {
				stolen_n--;
				if
				:: objs[stolen + stolen_n] -> GIVE(objs[stolen + stolen_n])
				:: else
				fi
			}
		:: else -> break
		od;
		i = 0;
		do
		:: i < stolen_total -> objs[stolen + i] = 0; i++
		:: else -> break
		od;
		i = 0;
		stolen_total = 0
	:: else
	fi;
	slab_take(o, me);
	unlock(of_thief);
	if
	:: o ->
		take_lock(me, of_thief);
		atomic { user[o] = FREE; GIVE(o); o = 0 };
		unlock(of_thief)
	:: else
	fi
	} unless {
		atomic { me == victim -> DRAIN(of_thief); dead[me] = true }
	};
	ended++
}

/* peer_take_back() of a dead owner, as soon as that is seen. */
proctype taker()
{
	byte v, x, i;
	bool died;

	if
	:: dead[OWNER] ->
#if BUG == 9
		cache_close();
#endif
		take_lock(TAKER, of_nobody);
		if
		:: loaded < MAGAZINES -> cache_close()
		:: else
		fi;
		unlock(of_nobody);
		magazine_free(0);
		magazine_free(1)
	:: ended == 1 + THIEVES
	fi;
	ended++
}

init
{
	byte i, j, n, v, x;
	bool died;

	atomic {
		/* In one magazine, or one in each. */
		objs[0] = 1;
		if
		:: objs[1] = 2; top = 2
		:: objs[CAPACITY] = 2; top = 1; mn[1] = 1
		fi;
		run owner();
		run thief(THIEF);
		run thief(THIEF + 1);
		run taker()
	};
	(ended == 2 + THIEVES && empty(of_owner) && empty(of_thief));
	take_lock(TAKER, of_nobody);
	if
	:: dead[OWNER] -> /* seen only now */
		if
		:: loaded < MAGAZINES -> cache_close()
		:: else
		fi;
		magazine_free(0);
		magazine_free(1)
	:: else
	fi;
	/* Each is in the slab, or once in a magazine, or had by somebody. */
	atomic {
		for (i : 1 .. OBJECTS) {
			n = 0;
			if
			:: slab[i] -> n++
			:: else
			fi;
			for (j : 0 .. PLACES - 1) {
				if
				:: objs[j] == i && ((j / CAPACITY == loaded && j < top) ||
					j % CAPACITY < mn[j / CAPACITY]) -> n++
				:: else
				fi
			}
			if
			:: user[i] -> n++
			:: else
			fi;
			assert(n == 1);
			/* The living have put back all that they got. */
			assert(user[i] < THIEF || dead[user[i]])
		}
	}
}
