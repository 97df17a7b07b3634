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
 * Checked: no magazine has two owners; none is lost; no step waits for a thread
 * that has stopped. See README.md.
 */

/*
 * Errors that must be found, by spin -DBUG=n:
 *
 * BUG 1: a put that is half done is not completed by others
 * BUG 2: a slot is not checked to be still that of head
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

/* A slot's word: {tag, magazine}, or {position, 0}: vacant. */
byte slot_tag[SLOTS];
byte slot_id[SLOTS];
byte head, tail;

bool dead[WORKERS + 1];
byte done; /* workers that have ended, or are dead */

/* Whose a magazine is, as far as it is certain: what the words must lead to. 0: the depot's. */
byte holder[MAGAZINES + 1];

#define CAS(word, expected, desired) \
	atomic { \
		if \
		:: word == expected -> word = desired \
		:: else \
		fi \
	}

/* m is mine. result: whether it is in the depot now. */
inline put(me, m)
{
	t = tag[m];
	do
	:: tl = tail;
	   hd = head;
	   if
	   :: tl >= hd && tl - hd >= SLOTS -> result = 0; break
	   :: else
	   fi;
	   atomic {
		if
		:: slot_id[tl % SLOTS] == 0 && slot_tag[tl % SLOTS] == tl ->
#if BUG == 4
			slot_tag[tl % SLOTS] = t;
#else
			slot_tag[tl % SLOTS] = t + 1;
#endif
			slot_id[tl % SLOTS] = m;
			holder[m] = 0;
			result = 1
		:: else -> result = 0
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
		CAS(tail, tl, tl + 1);
		break
	   :: else -> CAS(tail, tl, tl + 1)
	   fi
	od
}

/* result: the magazine, or 0 */
inline take(me)
{
	result = 0;
	do
	:: hd = head;
	   atomic { st = slot_tag[hd % SLOTS]; m2 = slot_id[hd % SLOTS] };
	   if
#if BUG != 2
	   :: head != hd -> skip
#endif
	   :: else ->
		if
		:: m2 == 0 && st == hd -> break
		:: m2 == 0 && st != hd -> CAS(head, hd, hd + 1)
		:: else ->
			if
			:: tail == hd -> CAS(tail, hd, hd + 1)
			:: else
			fi;
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
			:: else ->
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
					:: slot_tag[hd % SLOTS] == st && slot_id[hd % SLOTS] == m2 ->
						slot_tag[hd % SLOTS] = hd + SLOTS;
						slot_id[hd % SLOTS] = 0
					:: else
					fi
				};
				CAS(head, hd, hd + 1);
				if
				:: result -> break
				:: else
				fi
			fi
		fi
	   fi
	od
}

proctype worker(byte me)
{
	byte mine, n, t, tl, hd, st, m2, o, result;

	{
		mine = (me <= MAGAZINES -> me : 0);
		do
		:: n < OPS ->
			if
			:: mine -> put(me, mine); if :: result -> mine = 0 :: else fi
			:: else -> take(me); mine = result
			fi;
			atomic { t = 0; tl = 0; hd = 0; st = 0; m2 = 0; o = 0; result = 0; n++ }
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
	byte i, t, tl, hd, st, m2, o, result, found;
	bool last;

	(dead[1] || dead[2] || done >= WORKERS);
	victim = (dead[1] -> 1 : (dead[2] -> 2 : 0));
	for (i : 1 .. MAGAZINES) {
		atomic { t = tag[i]; o = owner[i] };
		if
		:: victim && o == victim ->
			atomic {
				if
				:: tag[i] == t && owner[i] == o ->
					assert(holder[i] == 0 || holder[i] == victim);
#if BUG == 3
					owner[i] = victim;
#else
					tag[i] = t + 1;
#endif
					holder[i] = TAKER
				:: else
				fi
			}
		:: else
		fi
	}
	/* It takes from the depot as well, while the other still works, and then all there are. */
	do
	:: last = done >= WORKERS;
	   take(TAKER);
	   if
	   :: result == 0 && last -> break
	   :: result == 0 && !last -> (done >= WORKERS)
	   :: else
	   fi
	od;
	/* All are there: those of living workers, and those that were taken. */
	for (i : 1 .. MAGAZINES) {
		assert(holder[i] != 0 && (holder[i] != victim || owner[i] == victim));
		assert(holder[i] == TAKER || owner[i] == holder[i]);
		if
		:: holder[i] == TAKER || holder[i] != victim -> found++
		:: else
		fi
	}
	assert(found == MAGAZINES)
}

init
{
	byte i;

	atomic {
		for (i : 0 .. SLOTS - 1) {
			slot_tag[i] = i
		}
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
