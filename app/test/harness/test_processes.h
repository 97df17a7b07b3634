/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The fastmem authors
 */

#ifndef TEST_PROCESSES_H
#define TEST_PROCESSES_H

/*
 * Secondary processes that the tests direct: this program starts itself again,
 * and the child calls the functions that the parent asks it to call.
 */

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#define PROCESS_ARGS 5
#define PROCESS_SOCKET "3" /* in the secondary */

struct process {
	pid_t pid; /* 0: there is none */
	int fd; /* both ends send struct fastmem_request or struct reply */
	unsigned int slot;
};

/* A function that runs in a secondary: what it returns goes back to who has asked. */
typedef int64_t (*remote_t)(const uint64_t *args);

/* Those of all suites, up to NULL; and what one may return when it has reported why. */
extern const remote_t *const remote_functions[];
#define REMOTE_FAILED (-1000000) /* no errno */

/* From main(): what secondaries are started with; whether this process is one. */
void processes_remember(int argc, char **argv);
bool process_is_secondary(int argc, char **argv);
int process_serve(int argc, char **argv); /* returns the exit status */

/* Start a secondary, and wait until its EAL is up. */
int process_start(struct process *p);

/* Call a function there. Returns its result; REMOTE_FAILED also when there is no answer. */
int64_t process_call(struct process *p, remote_t function, const uint64_t *args);
#define ASK(p, ...) ASK_(p, __VA_ARGS__, 0)
#define ASK_(p, function, ...) \
	process_call(p, function, (const uint64_t[PROCESS_ARGS + 1]){ __VA_ARGS__ })

/* The same in two parts, for what takes a while. */
int process_send(struct process *p, remote_t function, const uint64_t *args);
int64_t process_receive(struct process *p);

int process_stop(struct process *p); /* it is told to end, and must do so without fault */
int process_kill(struct process *p); /* and wait until it is gone */
void processes_rescue(void); /* kill all that are left */
/* Print what became of it, and its stacks if it runs and gdb can. ended: its end is waited for. */
void process_tell(const struct process *p, bool ended);

/* For a helper of a secondary's own making: a socket that tells of a process's end. */
bool process_wait_readable(int fd, int timeout_ms);
#define PROCESS_PATIENCE_MS 60000 /* far more than anything takes, even under sanitizers */

#endif /* TEST_PROCESSES_H */
