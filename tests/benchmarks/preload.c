/* Another disk and another clock for a process and its children: preloaded where the bench measures with them.
 * SYNC_COUNT: a file of 8 bytes in which syncs are counted. SYNC_MICROSECONDS: what each sync takes.
 * CLOCK_SLOWER: how many times slower the clock goes, as under valgrind so much less is done in a second. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

enum { CLOCKS = 8 };
static unsigned long *count;
static long microseconds, slower = 1;
static long long began[CLOCKS];

static long number_of(const char *name, long other) {
    const char *text = getenv(name);
    return text ? atol(text) : other;
}

__attribute__((constructor)) static void begin(void) {
    microseconds = number_of("SYNC_MICROSECONDS", 0);
    slower = number_of("CLOCK_SLOWER", 1);
    const char *file = getenv("SYNC_COUNT");
    int descriptor = file ? open(file, O_RDWR | O_CLOEXEC) : -1;
    if (descriptor < 0) return;
    void *mapped = mmap(NULL, sizeof *count, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0);
    close(descriptor);
    if (mapped != MAP_FAILED) count = mapped;
}

static void note(void) {
    struct timespec delay = {microseconds / 1000000, microseconds % 1000000 * 1000};
    if (count) __sync_add_and_fetch(count, 1);
    if (microseconds) nanosleep(&delay, NULL);
}

#define SYNC(name) int name(int file) { \
    static int (*real)(int); if (!real) real = dlsym(RTLD_NEXT, #name); note(); return real(file); }
SYNC(fsync)
SYNC(fdatasync)

int clock_gettime(clockid_t clock, struct timespec *into) {
    long failed = syscall(SYS_clock_gettime, clock, into);
    if (failed || slower <= 1 || clock < 0 || clock >= CLOCKS) return (int)failed;
    long long now = into->tv_sec * 1000000000LL + into->tv_nsec;
    if (!began[clock]) began[clock] = now;
    now = began[clock] + (now - began[clock]) / slower;
    into->tv_sec = now / 1000000000LL;
    into->tv_nsec = now % 1000000000LL;
    return 0;
}

int gettimeofday(struct timeval *into, void *zone) {
    struct timespec now;
    (void)zone;
    clock_gettime(CLOCK_REALTIME, &now);
    into->tv_sec = now.tv_sec;
    into->tv_usec = now.tv_nsec / 1000;
    return 0;
}

time_t time(time_t *into) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    if (into) *into = now.tv_sec;
    return now.tv_sec;
}
