/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The fastmem authors
 */

/*
 * Processes that attach and leave while the primary gives fastmem up, and one of which may be
 * killed between any two steps. lib/fastmem/process/process_alive.c: fastmem_alive_enter(),
 * fastmem_alive_take(), fastmem_alive_entered(), fastmem_alive_leave() and fastmem_alive_shut();
 * process.c: join() and fastmem_peers_leave(); fastmem_init.c: join(); fastmem_create.c: fastmem_destroy().
 *
 * Checked: nobody accesses shared memory that is destroyed; it is destroyed in the end; nobody
 * waits for a dead process. See README.md.
 */

/*
 * Errors that must be found, by spin -DBUG=n:
 *
 * BUG 1: the primary does not take the gate
 * BUG 2: the primary goes by what shared memory says of processes, not by their locks
 * BUG 3: a process looks where the shared state is before it has passed the gate
 * BUG 4: a process gives the gate back before it has locked a number
 * BUG 5: the primary looks for locked numbers before it has the gate
 * BUG 6: a process that leaves drops its lock before its last access
 * BUG 7: a lock outlives its process
 * BUG 8: the primary destroys what it could not shut
 */
#ifndef BUG
#define BUG 0
#endif

#define SECONDARIES 2 /* numbers 1 and 2; the first one may die */
#define VICTIM 1
#define ROUNDS 2 /* how often each attaches and leaves */
#define NOBODY 0
#define PRIMARY 3

/* The file. Locks go with the address space of their holders. */
bool gate_read[SECONDARIES + 1];
bool gate_written;
bool number_locked[SECONDARIES + 1];
bool header = true; /* it says where the shared state is */

/* Shared memory. */
bool there = true;
bool ready = true;
bool attached[SECONDARIES + 1];
byte peers_lock; /* a robust mutex: its holder */

bool dead[SECONDARIES + 2];

#define ACCESS assert(there)
#define OTHERS (number_locked[1] || number_locked[2])
#define READERS (gate_read[1] || gate_read[2])

inline lock_peers(me)
{
	atomic {
		ACCESS;
		peers_lock == NOBODY || dead[peers_lock] || !there;
		ACCESS;
		peers_lock = me
	}
}

inline unlock_peers(me)
{
	atomic {
		ACCESS;
		peers_lock = NOBODY
	}
}

inline drop_gate(me)
{
	gate_read[me] = false
}

/* fastmem_peers_leave() */
inline leave(me)
{
	lock_peers(me);
	atomic { ACCESS; attached[me] = false };
#if BUG == 6
	number_locked[me] = false;
#endif
	unlock_peers(me);
	number_locked[me] = false
}

proctype secondary(byte me)
{
	byte rounds;
	bool found;

	{
		do
		:: rounds == ROUNDS -> break
		:: rounds < ROUNDS ->
			rounds++;
			/* fastmem_alive_enter() */
#if BUG == 3
			found = header;
#endif
			if
			:: atomic { gate_written -> goto gone } /* -ENODEV */
			:: atomic { !gate_written -> gate_read[me] = true }
			fi;
#if BUG != 3
			found = header;
#endif
			if
			:: !found -> drop_gate(me); goto gone
			:: found
			fi;
			if
			:: atomic { !ready -> ACCESS } -> drop_gate(me); goto gone
			:: atomic { ready -> ACCESS }
			fi;
			/* fastmem_peers_join() */
#if BUG == 4
			drop_gate(me);
#endif
			lock_peers(me);
			number_locked[me] = true;
			atomic { ACCESS; attached[me] = true };
			unlock_peers(me);
			drop_gate(me);
			/* It uses the shared state, unless it is late. */
			if
			:: atomic { ready -> ACCESS }
			:: atomic { !ready -> ACCESS }
			fi;
			leave(me)
		od;
	} unless { dead[me] }; /* it makes no step any more */
gone:
	skip
}

/* The victim is killed: it makes no step any more, and the kernel drops its locks. */
proctype killer()
{
	/* At any time, or never. */
	if
	:: skip
	:: atomic {
		dead[VICTIM] = true;
#if BUG != 7
		gate_read[VICTIM] = false;
		number_locked[VICTIM] = false
#endif
	}
	fi
}

proctype primary()
{
	bool others;

	/* rte_fastmem_deinit() */
	ready = false;
	/* It, or rte_fastmem_init(), is called again until nobody is attached. */
	do
	:: true ->
#if BUG == 5
		others = OTHERS;
#endif
#if BUG != 1
		/* A failure is no step: it is tried again when something has changed. */
		atomic { !READERS -> gate_written = true };
#endif
#if BUG == 2
		others = attached[1] && !dead[1] || attached[2];
#elif BUG != 5
		others = OTHERS;
#endif
#if BUG == 8
		break;
#endif
		if
		:: others ->
			gate_written = false;
			!OTHERS
		:: !others -> break
		fi
	od;
	header = false;
	there = false;
	gate_written = false
}

init
{
	atomic {
		run primary();
		run secondary(1);
		run secondary(2);
		run killer()
	}
}
