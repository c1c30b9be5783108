/* Watches what a process does to files below one folder: writes it down, and kills the process where it is told to.

   Loaded with LD_PRELOAD. KILLS_FOLDER names the folder by its real path; KILLS_TRACE, where given, the file to which
   every operation that succeeded is added in the order in which it happened, with what the process says meanwhile.
   KILLS_AIM, where given, is the operation at which to die: kind, how often it comes, how, and pattern of the path;
   KILLS_AIM_FROM, where given, a file: operations count from when it is there. A flush to disk is two entries, its
   beginning and its end, since what is written between the two may or may not be covered. The format is read by
   tests/kills/trace.py, which also checks that nothing went past: the trace played through must give the folder.

   Mapped memory is not watched: SQLite maps the index beside its log, which it makes anew after a crash. */
#define _GNU_SOURCE
#define _LARGEFILE64_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#define PATH_BYTES 4096
#define WORD_BYTES 128
#define MAGIC 0x4c4c494bu

enum kind { CREATE = 1, WRITE, RESIZE, SYNC, SYNCED, RENAME, LINK, UNLINK, MAKE_FOLDER, REMOVE_FOLDER, ACT, MARK };
enum how { BEFORE, AFTER, HALFWAY, NOT_HERE };

struct entry {
    uint32_t magic, kind;
    uint64_t node, number;
    uint32_t path_bytes, data_bytes;
};

static char folder[PATH_BYTES];
static size_t folder_bytes;
static int trace = -1;
static uint64_t flushes;
static pthread_mutex_t one_at_a_time = PTHREAD_MUTEX_INITIALIZER;

/* Where to die: at the nth operation of a kind on a file that fits the pattern, during one act. */
static int aimed_kind;
static enum how aimed_how;
static int aimed_times;
static char aimed_act[WORD_BYTES], aimed_pattern[WORD_BYTES], act[WORD_BYTES];
static char aimed_from[PATH_BYTES];

void kills_record(const char *written) {
    int low = syscall(SYS_openat, AT_FDCWD, written, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    /* High up, where nobody closes what he takes for a leftover. */
    trace = fcntl(low, F_DUPFD_CLOEXEC, 500);
    syscall(SYS_close, low);
}

__attribute__((constructor)) static void begin(void) {
    const char *watched = getenv("KILLS_FOLDER"), *written = getenv("KILLS_TRACE");
    if (watched == NULL) return;
    snprintf(folder, sizeof folder, "%s", watched);
    folder_bytes = strlen(folder);
    if (written != NULL) kills_record(written);
    const char *aimed = getenv("KILLS_AIM");
    int how = NOT_HERE;
    if (aimed != NULL && sscanf(aimed, "%d %d %d %127s", &aimed_kind, &aimed_times, &how, aimed_pattern) == 4)
        aimed_how = how;
    const char *from = getenv("KILLS_AIM_FROM");
    if (from != NULL) snprintf(aimed_from, sizeof aimed_from, "%s", from);
}

void kills_aim(const char *during, int kind, const char *pattern, int times, int how) {
    snprintf(aimed_act, sizeof aimed_act, "%s", during);
    snprintf(aimed_pattern, sizeof aimed_pattern, "%s", pattern);
    aimed_kind = kind, aimed_times = times, aimed_how = how;
}

static void die(void) {
    syscall(SYS_kill, getpid(), SIGKILL);
    for (;;) pause();
}

static int is_watched(const char *path) {
    return folder_bytes && strncmp(path, folder, folder_bytes) == 0 &&
           (path[folder_bytes] == '/' || path[folder_bytes] == 0);
}

static int path_of(int fd, char *path) {
    char place[64];
    if (!folder_bytes) return 0;
    snprintf(place, sizeof place, "/proc/self/fd/%d", fd);
    ssize_t size = syscall(SYS_readlinkat, AT_FDCWD, place, path, PATH_BYTES - 1);
    if (size < 0) return 0;
    path[size] = 0;
    return is_watched(path);
}

static int whole_path(int at, const char *name, char *path) {
    char start[PATH_BYTES] = "";
    if (!folder_bytes || name == NULL) return 0;
    if (name[0] == '/') {
        snprintf(path, PATH_BYTES, "%s", name);
    } else {
        if (at == AT_FDCWD ? getcwd(start, sizeof start) == NULL : !path_of(at, start)) return 0;
        snprintf(path, PATH_BYTES, "%.2000s/%.2000s", start, name);
    }
    return is_watched(path);
}

/* Return the inode of an open file that has a name, 0 for all else. */
static uint64_t node_of(int fd, char *path) {
    struct stat found;
    if (!path_of(fd, path) || fstat(fd, &found) != 0 || found.st_nlink == 0) return 0;
    return S_ISREG(found.st_mode) || S_ISDIR(found.st_mode) ? found.st_ino : 0;
}

static uint64_t node_at(const char *path) {
    struct stat found;
    return lstat(path, &found) == 0 ? found.st_ino : 0;
}

static enum how reach(int kind, const char *path) {
    if (kind != aimed_kind || strcmp(act, aimed_act) != 0) return NOT_HERE;
    if (aimed_from[0] && access(aimed_from, F_OK) != 0) return NOT_HERE;
    if (fnmatch(aimed_pattern, path + folder_bytes, 0) != 0 || --aimed_times > 0) return NOT_HERE;
    if (aimed_how == BEFORE) die();
    return aimed_how;
}

static void note(int kind, uint64_t node, uint64_t number, const char *path, const void *data, size_t size) {
    if (trace < 0) return;
    struct entry entry = {MAGIC, kind, node, number, strlen(path) - folder_bytes, size};
    struct iovec parts[] = {{&entry, sizeof entry}, {(char *)path + folder_bytes, entry.path_bytes}, {(void *)data, size}};
    ssize_t wanted = sizeof entry + entry.path_bytes + size;
    if (syscall(SYS_writev, trace, parts, 3) != wanted) abort();
}

/* Enter an act: what follows is part of it. */
void kills_enter(const char *name) {
    snprintf(act, sizeof act, "%s", name);
    note(ACT, 0, 0, folder, act, strlen(act));
}

/* Write down what was said to somebody: from here on it must be kept. */
void kills_mark(const char *data, size_t size) { note(MARK, 0, 0, folder, data, size); }

static void lock(void) { pthread_mutex_lock(&one_at_a_time); }

static void unlock(enum how how) {
    int error = errno;
    pthread_mutex_unlock(&one_at_a_time);
    if (how == AFTER || how == HALFWAY) die();
    errno = error;
}

static int open_at(int at, const char *name, int flags, mode_t mode) {
    char path[PATH_BYTES];
    int makes = (flags & O_CREAT) && (flags & O_TMPFILE) != O_TMPFILE;
    if (!(makes || flags & O_TRUNC) || !whole_path(at, name, path)) return syscall(SYS_openat, at, name, flags, mode);
    lock();
    struct stat before;
    int was_there = lstat(path, &before) == 0;
    enum how how = was_there ? NOT_HERE : reach(CREATE, path);
    int fd = syscall(SYS_openat, at, name, flags, mode);
    if (fd >= 0 && !was_there) note(CREATE, node_at(path), 0, path, NULL, 0);
    if (fd >= 0 && was_there && (flags & O_TRUNC) && before.st_size) note(RESIZE, before.st_ino, 0, path, NULL, 0);
    unlock(how);
    return fd;
}

static mode_t mode_in(va_list more, int flags) { return flags & (O_CREAT | O_TMPFILE) ? va_arg(more, mode_t) : 0; }

#define OPEN(name)                                                                                                     \
    int name(const char *path, int flags, ...) {                                                                       \
        va_list more;                                                                                                  \
        va_start(more, flags);                                                                                         \
        mode_t mode = mode_in(more, flags);                                                                            \
        va_end(more);                                                                                                  \
        return open_at(AT_FDCWD, path, flags, mode);                                                                   \
    }
#define OPEN_AT(name)                                                                                                  \
    int name(int at, const char *path, int flags, ...) {                                                               \
        va_list more;                                                                                                  \
        va_start(more, flags);                                                                                         \
        mode_t mode = mode_in(more, flags);                                                                            \
        va_end(more);                                                                                                  \
        return open_at(at, path, flags, mode);                                                                         \
    }
OPEN(open)
OPEN(open64)
OPEN_AT(openat)
OPEN_AT(openat64)
int creat(const char *path, mode_t mode) { return open_at(AT_FDCWD, path, O_CREAT | O_WRONLY | O_TRUNC, mode); }
int creat64(const char *path, mode_t mode) { return creat(path, mode); }

/* `at` is where in the file to write, -1 for where its position is. */
static ssize_t write_at(int fd, const void *data, size_t size, off_t at) {
    char path[PATH_BYTES];
    uint64_t node = fd == trace ? 0 : node_of(fd, path);
    if (!node) return at < 0 ? syscall(SYS_write, fd, data, size) : syscall(SYS_pwrite64, fd, data, size, at);
    lock();
    enum how how = reach(WRITE, path);
    if (how == HALFWAY) size = (size + 1) / 2;
    ssize_t done = at < 0 ? syscall(SYS_write, fd, data, size) : syscall(SYS_pwrite64, fd, data, size, at);
    if (done > 0) note(WRITE, node, at < 0 ? lseek(fd, 0, SEEK_CUR) - done : at, path, data, done);
    unlock(how);
    return done;
}

ssize_t write(int fd, const void *data, size_t size) { return write_at(fd, data, size, -1); }
ssize_t pwrite(int fd, const void *data, size_t size, off_t at) { return write_at(fd, data, size, at); }
ssize_t pwrite64(int fd, const void *data, size_t size, off64_t at) { return write_at(fd, data, size, at); }

ssize_t writev(int fd, const struct iovec *parts, int count) {
    char path[PATH_BYTES];
    if (fd == trace || !node_of(fd, path)) return syscall(SYS_writev, fd, parts, count);
    ssize_t total = 0;
    for (int i = 0; i < count; i++) {
        ssize_t done = write_at(fd, parts[i].iov_base, parts[i].iov_len, -1);
        if (done < 0) return total ? total : done;
        total += done;
        if ((size_t)done < parts[i].iov_len) break;
    }
    return total;
}

static int resize(int fd, off_t size) {
    char path[PATH_BYTES];
    uint64_t node = node_of(fd, path);
    if (!node) return syscall(SYS_ftruncate, fd, size);
    lock();
    enum how how = reach(RESIZE, path);
    int failed = syscall(SYS_ftruncate, fd, size);
    if (!failed) note(RESIZE, node, size, path, NULL, 0);
    unlock(how);
    return failed;
}

int ftruncate(int fd, off_t size) { return resize(fd, size); }
int ftruncate64(int fd, off64_t size) { return resize(fd, size); }

static int flush(int fd, int call) {
    char path[PATH_BYTES];
    uint64_t node = node_of(fd, path);
    if (!node) return syscall(call, fd);
    lock();
    enum how how = reach(SYNC, path);
    uint64_t number = (uint64_t)getpid() << 32 | ++flushes;
    note(SYNC, node, number, path, NULL, 0);
    unlock(NOT_HERE);
    int failed = syscall(call, fd);
    lock();
    if (!failed) note(SYNCED, node, number, path, NULL, 0);
    unlock(how);
    return failed;
}

int fsync(int fd) { return flush(fd, SYS_fsync); }
int fdatasync(int fd) { return flush(fd, SYS_fdatasync); }

/* An operation on names; `second` is the other path of a rename or link. */
static int change_names(int kind, int at, const char *name, int second_at, const char *second, unsigned more) {
    char path[PATH_BYTES], other[PATH_BYTES];
    int is_here = whole_path(at, name, path), is_there = second && whole_path(second_at, second, other);
    int is_noted = is_here && (!second || is_there);
    if (second && is_here != is_there) abort();
    enum how how = NOT_HERE;
    uint64_t node = 0;
    if (is_noted) {
        lock();
        how = reach(kind, second ? other : path);
        node = kind == MAKE_FOLDER ? 0 : node_at(path);
    }
    int failed = kind == RENAME          ? syscall(SYS_renameat2, at, name, second_at, second, more)
                 : kind == LINK          ? syscall(SYS_linkat, at, name, second_at, second, more)
                 : kind == UNLINK        ? syscall(SYS_unlinkat, at, name, 0)
                 : kind == REMOVE_FOLDER ? syscall(SYS_unlinkat, at, name, AT_REMOVEDIR)
                                         : syscall(SYS_mkdirat, at, name, more);
    if (!is_noted) return failed;
    if (!failed && second) note(kind, node, 0, path, other + folder_bytes, strlen(other) - folder_bytes);
    if (!failed && !second) note(kind, node ? node : node_at(path), 0, path, NULL, 0);
    unlock(how);
    return failed;
}

int rename(const char *old, const char *new) { return change_names(RENAME, AT_FDCWD, old, AT_FDCWD, new, 0); }
int renameat(int a, const char *old, int b, const char *new) { return change_names(RENAME, a, old, b, new, 0); }
int renameat2(int a, const char *old, int b, const char *new, unsigned f) { return change_names(RENAME, a, old, b, new, f); }
int link(const char *old, const char *new) { return change_names(LINK, AT_FDCWD, old, AT_FDCWD, new, 0); }
int linkat(int a, const char *old, int b, const char *new, int f) { return change_names(LINK, a, old, b, new, f); }
int unlink(const char *name) { return change_names(UNLINK, AT_FDCWD, name, 0, NULL, 0); }
int unlinkat(int at, const char *name, int flags) {
    return change_names(flags & AT_REMOVEDIR ? REMOVE_FOLDER : UNLINK, at, name, 0, NULL, 0);
}
int rmdir(const char *name) { return change_names(REMOVE_FOLDER, AT_FDCWD, name, 0, NULL, 0); }
int mkdir(const char *name, mode_t mode) { return change_names(MAKE_FOLDER, AT_FDCWD, name, 0, NULL, mode); }
int mkdirat(int at, const char *name, mode_t mode) { return change_names(MAKE_FOLDER, at, name, 0, NULL, mode); }
