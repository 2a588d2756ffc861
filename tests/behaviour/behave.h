/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Small programs that hold one kernel feature each: they set it up, are
 * dumped and restored, and say whether it is as it was.
 *
 *	behave NAME	sets up, prints "ready", waits for SIGRTMAX, checks, prints "PASS"
 *	behave --hold NAME...	starts these, and waits
 *	behave --list	names, and what each needs
 */
#ifndef TESTS_BEHAVIOUR_BEHAVE_H
#define TESTS_BEHAVIOUR_BEHAVE_H

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

struct behaviour {
	const char	*name;
	void		(*setup)(void);
	void		(*check)(void);
};

/* Each file's, ended by a NULL name. */
extern const struct behaviour credentials[], datagrams[], files[], anonymous[], ipc[], file_locks[], memory[], mqueue[],
    pipes[], processes[], raw[], signals[], sockets[], tcp[], terminals[], threads[], timers[], waits[];

#define EXPECT(cond)	do { if (!(cond)) fail(__FILE__, __LINE__, #cond); } while (0)
/* The same about a long: tells both values. */
#define EQUAL(a, b)	equal(__FILE__, __LINE__, #a, (long long)(a), (long long)(b))

void	fail(const char *file, int line, const char *what) __attribute__((noreturn));
void	equal(const char *file, int line, const char *what, long long got, long long want);
double	now(void);		/* CLOCK_MONOTONIC, seconds */
void	idle(double seconds);	/* asleep, whatever signals come */
/* A new file in the working directory with this text; its descriptor, read and write. */
int	new_file(const char *name, const char *text);
/* Those of sockets that are one int. */
void	set_option(int s, int level, int name, int value);
int	get_option(int s, int level, int name);

#endif
