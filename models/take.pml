/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The fastmem authors
 */

/*
 * Taking objects of a pool out of the loaded magazine of another thread:
 * rte_fastmem_pool_get() and rte_fastmem_push() against sweep(), cache_limit() and
 * cache_collect() of lib/fastmem/fastmem_steal.c, and cache_restore() of
 * fastmem_cache.c, step by step. An owner pops and pushes; a thief takes.
 *
 * As the fast path has no fence, stores are not seen at once here: each of the two has a
 * buffer of stores, first in first out, which goes to memory at any time later, in a
 * locked instruction, or by membarrier(2), which the thief calls (total store order).
 *
 * Checked: no object is had by two, or had and free at once; none is lost. See README.md.
 */

/*
 * Errors that must be found, by spin -DBUG=n:
 *
 * BUG 1: the thief does not call membarrier
 * BUG 2: the owner looks at the limit before it tells where top will be
 * BUG 3: the thief reads top before it reads what the owner has told
 * BUG 4: the thief does not care for what the owner has told
 * BUG 5: the owner takes back what it has told before it moves top
 */
#ifndef BUG
#define BUG 0
#endif

#define OBJECTS 2 /* numbers 1 and 2 */
#define CAPACITY 2
#ifndef OPS
#define OPS 4 /* of the owner */
#endif
#define THEFTS 2

#define FREE 0
#define OWNER 1
#define THIEF 2

/* In memory. */
byte top = OBJECTS;
byte popping; /* where top will be, plus 1. 0: nowhere */
byte objs[CAPACITY + 1];
byte base;
byte end = CAPACITY;
bool lock;
bool slab[OBJECTS + 1]; /* under lock: whether the object is there */

/* Stores on their way. */
#define TOP 0
#define POPPING 1
#define BASE 2
#define END 3
#define OBJ 4 /* plus its place */
chan of_owner = [4] of { byte, byte };
chan of_thief = [2] of { byte, byte };

/* Not in the program: who has an object. */
byte user[OBJECTS + 1];

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
	od

#define HAVE(o, who) assert(user[o] == FREE); user[o] = who

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

#define LOCK(buffer) atomic { !lock -> lock = true; DRAIN(buffer); v = 0; x = 0 }
#define UNLOCK(buffer) atomic { DRAIN(buffer); lock = false; v = 0; x = 0 }

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

proctype owner()
{
	byte v, x, n, o, i, t = OBJECTS;
	byte mine[OBJECTS + 1]; /* whether it has the object */
	bool pop, slow;

	do
	:: n < OPS ->
		n++;
		slow = false;
		if
		:: pop = true
		:: mine[1] -> pop = false; o = 1
		:: mine[2] -> pop = false; o = 2
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
				of_owner ! TOP, t;
#else
				of_owner ! TOP, t;
				of_owner ! POPPING, 0;
#endif
				/* Of its own stores and others', the latest: both are below. */
				atomic {
					o = objs[t];
					if
					:: of_owner ?? [eval(OBJ + t), 1] -> o = 1
					:: of_owner ?? [eval(OBJ + t), 2] -> o = 2
					:: else
					fi;
					assert(o);
					HAVE(o, OWNER);
					mine[o] = true
				}
			:: else
			fi
		:: else ->
			if
			:: t >= end -> slow = true
			:: else ->
				atomic { mine[o] = false; user[o] = FREE };
				of_owner ! OBJ + t, o;
				t++;
				of_owner ! TOP, t
			fi
		fi;
		if
		:: slow ->
			if
			:: pop -> of_owner ! POPPING, 0
			:: else
			fi;
			LOCK(of_owner);
			if
			:: base > end ->
				/* cache_restore() */
				atomic {
					for (i : 0 .. CAPACITY) {
						if
						:: i < t && objs[i] ->
							assert(!slab[objs[i]] && user[objs[i]] == FREE);
							slab[objs[i]] = true
						:: else
						fi;
						objs[i] = 0
					}
					t = 0; top = 0; base = 0; end = CAPACITY; i = 0
				}
			:: else
			fi;
			if
			:: pop ->
				slab_take(o, OWNER);
				if
				:: o -> mine[o] = true
				:: else
				fi
			:: else ->
				atomic {
					mine[o] = false; user[o] = FREE;
					if
					:: t < CAPACITY -> objs[t] = o; t++; top = t
					:: else -> slab[o] = true
					fi
				}
			fi;
			UNLOCK(of_owner)
		:: else
		fi;
		o = 0
	:: else -> break
	od;
	atomic { DRAIN(of_owner); v = 0; x = 0 };
	do
	:: mine[1] -> atomic { mine[1] = false; user[1] = FREE; slab[1] = true }
	:: mine[2] -> atomic { mine[2] = false; user[2] = FREE; slab[2] = true }
	:: else -> break
	od
}

proctype thief()
{
	byte v, x, n, o, i, limit, told, seen;

	do
	:: n < THEFTS ->
		n++;
		LOCK(of_thief);
		if
		:: top > 0 ->
			of_thief ! END, 0;
			of_thief ! BASE, CAPACITY + 1;
#if BUG == 1
			/* It goes on with its own stores as it knows them. */
#else
			atomic { DRAIN(of_thief); DRAIN(of_owner); v = 0; x = 0 };
#endif
#if BUG == 3
			seen = top;
			told = popping;
#else
			told = popping;
			seen = top;
#endif
			limit = seen;
#if BUG != 4
			if
			:: told && told - 1 < seen -> limit = told - 1
			:: else
			fi;
#endif
			atomic {
				i = 0;
				do
				:: i < limit ->
					o = objs[i];
					if
					:: o ->
						assert(user[o] == FREE && !slab[o]);
						slab[o] = true;
						objs[i] = 0
					:: else
					fi;
					i++
				:: else -> break
				od;
				i = 0; o = 0; told = 0; seen = 0; limit = 0
			}
		:: else
		fi;
		slab_take(o, THIEF);
		UNLOCK(of_thief);
		if
		:: o ->
			LOCK(of_thief);
			atomic { user[o] = FREE; slab[o] = true; o = 0 };
			UNLOCK(of_thief)
		:: else
		fi
	:: else -> break
	od
}

init
{
	byte i, j, n;

	atomic {
		objs[0] = 1;
		objs[1] = 2;
		run owner();
		run thief()
	};
	/* memory() goes on. */
	(_nr_pr == 2 && empty(of_owner) && empty(of_thief));
	/* Each is in the slab, or once in the cache. */
	atomic {
		for (i : 1 .. OBJECTS) {
			n = 0;
			if
			:: slab[i] -> n++
			:: else
			fi;
			j = 0;
			do
			:: j < top -> if :: objs[j] == i -> n++ :: else fi; j++
			:: else -> break
			od;
			assert(n == 1 && user[i] == FREE)
		}
	}
}
