/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The fastmem authors
 */

/*
 * The exchange of magazines through a depot: fastmem_depot_put() and
 * fastmem_depot_take() of lib/fastmem/fastmem_depot.c, step by step, where any
 * thread may stop for good between any two steps; and what takes the magazines of
 * a dead thread back: fastmem_magazine_seize(), as called by magazines_take_back()
 * of lib/fastmem/process/process.c.
 *
 * Checked: no magazine has two owners; none is lost, wherever positions point; no step waits for a
 * thread that has stopped. See README.md.
 */

/*
 * Errors that must be found, by spin -DBUG=n:
 *
 * BUG 1: a put that is half done is not completed by others
 * BUG 2: a slot is vacated whatever it holds by now
 * BUG 3: taking back does not change the tag
 * BUG 4: a put does not change the tag
 */
#ifndef BUG
#define BUG 0
#endif

#define SLOTS 2
#define MAGAZINES 2 /* numbers 1, 2 */
#define WORKERS 2 /* numbers 1, 2; each has a magazine at first */
#define TAKER 3 /* takes back what dead workers had, and empties the depot in the end */
#ifndef OPS
#define OPS 3 /* exchanges of each worker */
#endif

/* A magazine's owner word: {tag, owner}; owner 0: in the depot. Index 0 is not used. */
byte tag[MAGAZINES + 1];
byte owner[MAGAZINES + 1];

/* A slot's word: {tag, magazine}; or 0, 0: vacant. */
byte slot_tag[SLOTS];
byte slot_id[SLOTS];
/* Where to look first. Anything may be there, as writes of them may come late. */
byte head, tail;

bool dead[WORKERS + 1];
byte done; /* workers that have ended, or are dead */

/* Whose a magazine is, as far as it is certain: what the words must lead to. 0: the depot's. */
byte holder[MAGAZINES + 1];

/* m is mine. result: whether it is in the depot now. */
inline put(me, m)
{
	t = tag[m];
	atomic { p = (tail > head -> tail : head); i = 0; result = 0 };
	do
	:: i < SLOTS ->
	   atomic {
		if
		:: slot_id[p % SLOTS] == 0 ->
#if BUG == 4
			slot_tag[p % SLOTS] = t;
#else
			slot_tag[p % SLOTS] = t + 1;
#endif
			slot_id[p % SLOTS] = m;
			holder[m] = 0;
			result = 1
		:: else -> p++; i++
		fi
	   };
	   if
	   :: result ->
		atomic {
			if
			:: tag[m] == t && owner[m] == me ->
#if BUG != 4
				tag[m] = t + 1;
#endif
				owner[m] = 0
			:: else
			fi
		};
		tail = p + 1;
		break
	   :: else
	   fi
	:: else -> break
	od
}

/* result: the magazine, or 0: each slot was looked at. */
inline take(me)
{
	atomic { p = head; i = 0; result = 0 };
	do
	:: i < SLOTS ->
	   atomic { st = slot_tag[p % SLOTS]; m2 = slot_id[p % SLOTS] };
	   if
	   :: m2 != 0 ->
		atomic { t = tag[m2]; o = owner[m2] };
		if
#if BUG != 1
		:: t == st - 1 ->
			atomic {
				if
				:: tag[m2] == t && owner[m2] == o ->
					tag[m2] = st; owner[m2] = 0
				:: else
				fi
			}
#endif
		:: else
		fi;
		atomic {
			if
			:: tag[m2] == st && owner[m2] == 0 ->
				tag[m2] = st + 1;
				owner[m2] = me;
				assert(holder[m2] == 0);
				holder[m2] = me;
				result = m2
			:: else
			fi
		};
		atomic {
			if
#if BUG == 2
			:: true ->
#else
			:: slot_tag[p % SLOTS] == st && slot_id[p % SLOTS] == m2 ->
#endif
				slot_tag[p % SLOTS] = 0;
				slot_id[p % SLOTS] = 0
#if BUG != 2
			:: else
#endif
			fi
		}
	   :: else
	   fi;
	   if
	   :: result -> head = p + 1; break
	   :: else -> atomic { p++; i++; st = 0; m2 = 0; t = 0; o = 0 }
	   fi
	:: else -> break
	od
}

proctype worker(byte me)
{
	byte mine, n, t, p, i, st, m2, o, result;

	{
		mine = (me <= MAGAZINES -> me : 0);
		do
		:: n < OPS ->
			if
			:: mine -> put(me, mine); if :: result -> mine = 0 :: else fi
			:: else -> take(me); mine = result
			fi;
			atomic { t = 0; p = 0; i = 0; st = 0; m2 = 0; o = 0; result = 0; n++ }
		:: else -> break
		od;
		atomic { done++; mine = 0; n = 0 }
	} unless {
		dead[me]
	}
}

/* At most one worker dies, anywhere. */
proctype killer()
{
	byte k;

	if
	:: k = 1
	:: k = 2
	:: goto none
	fi;
	atomic {
		if
		:: done == 0 -> dead[k] = true; done++
		:: else
		fi
	};
none:	skip
}

byte victim;

/* When one is dead, its magazines are taken back; others still work. */
proctype taker()
{
	byte i, j, t, p, st, m2, o, result, found;
	bool final;

	(dead[1] || dead[2] || done >= WORKERS);
	victim = (dead[1] -> 1 : (dead[2] -> 2 : 0));
	for (j : 1 .. MAGAZINES) {
		atomic { t = tag[j]; o = owner[j] };
		if
		:: victim && o == victim ->
			atomic {
				if
				:: tag[j] == t && owner[j] == o ->
					assert(holder[j] == 0 || holder[j] == victim);
#if BUG == 3
					owner[j] = victim;
#else
					tag[j] = t + 1;
#endif
					holder[j] = TAKER
				:: else
				fi
			}
		:: else
		fi
	}
	/* It takes from the depot as well, while the other still works, and then all there are. */
	do
	:: final = done >= WORKERS;
	   take(TAKER);
	   if
	   :: result == 0 && final -> break
	   :: result == 0 && !final -> (done >= WORKERS)
	   :: else
	   fi
	od;
	/* All are there: those of living workers, and those that were taken. */
	for (j : 1 .. MAGAZINES) {
		assert(holder[j] != 0 && (holder[j] != victim || owner[j] == victim));
		assert(holder[j] == TAKER || owner[j] == holder[j]);
		if
		:: holder[j] == TAKER || holder[j] != victim -> found++
		:: else
		fi
	}
	assert(found == MAGAZINES)
}

init
{
	byte i;

	atomic {
		for (i : 1 .. MAGAZINES) {
			owner[i] = i;
			holder[i] = i
		}
		run worker(1);
		run worker(2);
		run killer();
		run taker()
	}
}
