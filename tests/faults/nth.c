/* Fails the n-th call of a kind that touches one of some folders, or kills the process before it: preloaded by nth.py. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/types.h>
#include <unistd.h>

enum { WRITE, PWRITE, FSYNC, OPEN, RENAME, UNLINK, FLOCK, PREAD, READ, KINDS };

static unsigned *counts;
static const char *folders;
static int kind = -1, number, fault;

__attribute__((constructor)) static void begin(void) {
    folders = getenv("NTH_FOLDERS");
    const char *report = getenv("NTH_REPORT");
    if (!folders || !report) return;
    if (getenv("NTH_KIND")) kind = atoi(getenv("NTH_KIND"));
    if (getenv("NTH_NUMBER")) number = atoi(getenv("NTH_NUMBER"));
    if (getenv("NTH_ERRNO")) fault = atoi(getenv("NTH_ERRNO"));
    int (*real)(const char *, int, ...) = dlsym(RTLD_NEXT, "open");
    int file = real(report, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (file < 0 || ftruncate(file, KINDS * sizeof *counts)) return;
    void *mapped = mmap(NULL, KINDS * sizeof *counts, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    close(file);
    if (mapped != MAP_FAILED) counts = mapped;
}

static int is_ours(const char *path) {
    if (!counts || !path) return 0;
    for (const char *folder = folders; *folder; folder += strcspn(folder, ":"), folder += *folder == ':')
        if (!strncmp(path, folder, strcspn(folder, ":"))) return 1;
    return 0;
}

static int leads_to_ours(int descriptor) {
    char link[64], path[4096];
    if (!counts) return 0;
    snprintf(link, sizeof link, "/proc/self/fd/%d", descriptor);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (length < 0) return 0;
    path[length] = 0;
    return is_ours(path);
}

/* Count a call of ours; return whether it is to fail, its errno set. */
static int fails(int which) {
    unsigned now = __sync_add_and_fetch(&counts[which], 1);
    if (which != kind || now != (unsigned)number) return 0;
    if (!fault) kill(getpid(), SIGKILL);
    errno = fault;
    return 1;
}

#define REAL(name) static __typeof__(name) *real; if (!real) real = dlsym(RTLD_NEXT, #name)

ssize_t write(int d, const void *b, size_t n) { REAL(write); return leads_to_ours(d) && fails(WRITE) ? -1 : real(d, b, n); }
ssize_t pwrite(int d, const void *b, size_t n, off_t o) { REAL(pwrite); return leads_to_ours(d) && fails(PWRITE) ? -1 : real(d, b, n, o); }
ssize_t pwrite64(int d, const void *b, size_t n, off64_t o) { REAL(pwrite64); return leads_to_ours(d) && fails(PWRITE) ? -1 : real(d, b, n, o); }
ssize_t pread(int d, void *b, size_t n, off_t o) { REAL(pread); return leads_to_ours(d) && fails(PREAD) ? -1 : real(d, b, n, o); }
ssize_t pread64(int d, void *b, size_t n, off64_t o) { REAL(pread64); return leads_to_ours(d) && fails(PREAD) ? -1 : real(d, b, n, o); }
ssize_t read(int d, void *b, size_t n) { REAL(read); return leads_to_ours(d) && fails(READ) ? -1 : real(d, b, n); }
int fsync(int d) { REAL(fsync); return leads_to_ours(d) && fails(FSYNC) ? -1 : real(d); }
int fdatasync(int d) { REAL(fdatasync); return leads_to_ours(d) && fails(FSYNC) ? -1 : real(d); }
int flock(int d, int how) { REAL(flock); return leads_to_ours(d) && fails(FLOCK) ? -1 : real(d, how); }
int rename(const char *a, const char *b) { REAL(rename); return is_ours(a) && fails(RENAME) ? -1 : real(a, b); }
int unlink(const char *path) { REAL(unlink); return is_ours(path) && fails(UNLINK) ? -1 : real(path); }

#define MODE(flags) mode_t mode = 0; if ((flags) & (O_CREAT | O_TMPFILE)) { va_list list; va_start(list, flags); mode = va_arg(list, mode_t); va_end(list); }

int open(const char *path, int flags, ...) { MODE(flags) REAL(open); return is_ours(path) && fails(OPEN) ? -1 : real(path, flags, mode); }
int open64(const char *path, int flags, ...) { MODE(flags) REAL(open64); return is_ours(path) && fails(OPEN) ? -1 : real(path, flags, mode); }
int openat(int at, const char *path, int flags, ...) { MODE(flags) REAL(openat); return is_ours(path) && fails(OPEN) ? -1 : real(at, path, flags, mode); }
int openat64(int at, const char *path, int flags, ...) { MODE(flags) REAL(openat64); return is_ours(path) && fails(OPEN) ? -1 : real(at, path, flags, mode); }
