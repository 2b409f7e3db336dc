/*
 * Preloaded into a process: sees its file I/O below KURA_IO_DIRECTORY, writes each call to the file
 * KURA_IO_TRACE before it is made, and lets those fail that the file KURA_IO_CONTROL says.
 *
 * Syncs are written down and not done: what is durable is for the reader of the trace to decide.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

enum kind {
  CREATE = 1, READ = 2, WRITE = 3, SYNC = 4, CUT = 5, UNLINK = 6, LINK = 7, MKDIR = 8, RENAME = 9
};

/* Shared with the test: little-endian u32 each. */
struct control {
  volatile uint32_t is_armed;
  volatile uint32_t nth;
  volatile uint32_t lasts;
  volatile uint32_t kinds; /* bit 1 << kind */
  volatile uint32_t error;
  volatile uint32_t is_short;
  volatile uint32_t seen;
  volatile uint32_t met;
};

struct record {
  uint8_t kind;
  uint8_t is_failed;
  uint16_t path_bytes;
  uint32_t data_bytes;
  uint64_t offset;
} __attribute__((packed));

static const char *directory;
static struct control *control;
static int trace = -1;

__attribute__((constructor)) static void start(void) {
  const char *control_path = getenv("KURA_IO_CONTROL");
  const char *trace_path = getenv("KURA_IO_TRACE");
  directory = getenv("KURA_IO_DIRECTORY");
  if (!directory || !control_path || !trace_path) _exit(99);
  int fd = syscall(SYS_openat, AT_FDCWD, control_path, O_RDWR | O_CLOEXEC, 0);
  trace = syscall(SYS_openat, AT_FDCWD, trace_path, O_WRONLY | O_APPEND | O_CLOEXEC, 0);
  if (fd < 0 || trace < 0) _exit(99);
  control = mmap(NULL, sizeof *control, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  if (control == MAP_FAILED) _exit(99);
  syscall(SYS_close, fd);
}

/* The path below the directory, or NULL. */
static const char *below(const char *path) {
  size_t length = directory ? strlen(directory) : 0;
  if (!length || strncmp(path, directory, length) || path[length] != '/') return NULL;
  return path + length + 1;
}

static const char *path_of(int fd, char *buffer) {
  char link_path[64];
  snprintf(link_path, sizeof link_path, "/proc/self/fd/%d", fd);
  ssize_t length = syscall(SYS_readlink, link_path, buffer, PATH_MAX - 1);
  if (length < 0) return NULL;
  buffer[length] = 0;
  return below(buffer);
}

static int is_hit(enum kind kind) {
  if (!control || !control->is_armed || !(control->kinds & (1u << kind))) return 0;
  uint32_t seen = ++control->seen;
  int hit = control->lasts ? seen >= control->nth : seen == control->nth;
  if (hit) control->met++;
  return hit;
}

static void note(enum kind kind, int is_failed, const char *path, uint64_t offset,
                 const void *data, size_t data_bytes) {
  struct record record = {kind, is_failed, strlen(path), data_bytes, offset};
  struct iovec pieces[3] = {{&record, sizeof record},
                            {(void *)path, record.path_bytes},
                            {(void *)data, data_bytes}};
  size_t whole = sizeof record + record.path_bytes + data_bytes;
  if (syscall(SYS_writev, trace, pieces, 3) != (ssize_t)whole) _exit(98);
}

static int failed(void) {
  errno = control->error;
  return -1;
}

static ssize_t traced_write(int fd, const void *bytes, size_t count, off64_t offset) {
  char buffer[PATH_MAX];
  const char *path = path_of(fd, buffer);
  if (!path) return -2;
  if (!is_hit(WRITE)) {
    note(WRITE, 0, path, offset, bytes, count);
    return -2;
  }
  if (!control->is_short || control->met > 1) return failed();
  note(WRITE, 0, path, offset, bytes, count / 2);
  return syscall(SYS_pwrite64, fd, bytes, count / 2, offset);
}

ssize_t pwrite64(int fd, const void *bytes, size_t count, off64_t offset) {
  ssize_t result = traced_write(fd, bytes, count, offset);
  return result == -2 ? syscall(SYS_pwrite64, fd, bytes, count, offset) : result;
}

ssize_t pwrite(int fd, const void *bytes, size_t count, off_t offset) {
  return pwrite64(fd, bytes, count, offset);
}

ssize_t pwritev64(int fd, const struct iovec *pieces, int count, off64_t offset) {
  ssize_t sum = 0;
  for (int at = 0; at < count; at++) {
    ssize_t result = pwrite64(fd, pieces[at].iov_base, pieces[at].iov_len, offset + sum);
    if (result < 0) return sum ? sum : result;
    sum += result;
    if ((size_t)result < pieces[at].iov_len) break;
  }
  return sum;
}

ssize_t pwritev(int fd, const struct iovec *pieces, int count, off_t offset) {
  return pwritev64(fd, pieces, count, offset);
}

ssize_t write(int fd, const void *bytes, size_t count) {
  char buffer[PATH_MAX];
  if (!path_of(fd, buffer)) return syscall(SYS_write, fd, bytes, count);
  off64_t offset = syscall(SYS_lseek, fd, 0, SEEK_CUR);
  ssize_t result = pwrite64(fd, bytes, count, offset);
  if (result > 0) syscall(SYS_lseek, fd, result, SEEK_CUR);
  return result;
}

ssize_t pread64(int fd, void *bytes, size_t count, off64_t offset) {
  char buffer[PATH_MAX];
  if (path_of(fd, buffer) && is_hit(READ)) return failed();
  return syscall(SYS_pread64, fd, bytes, count, offset);
}

static int traced_sync(int fd, int call) {
  char buffer[PATH_MAX];
  const char *path = path_of(fd, buffer);
  if (!path) {
    /* The directory itself. */
    if (!directory || strcmp(buffer, directory)) return syscall(call, fd);
    path = "";
  }
  int hit = is_hit(SYNC);
  note(SYNC, hit, path, 0, NULL, 0);
  return hit ? failed() : 0;
}

int fsync(int fd) { return traced_sync(fd, SYS_fsync); }
int fdatasync(int fd) { return traced_sync(fd, SYS_fdatasync); }

int ftruncate64(int fd, off64_t length) {
  char buffer[PATH_MAX];
  const char *path = path_of(fd, buffer);
  if (path && is_hit(CUT)) return failed();
  if (path) note(CUT, 0, path, length, NULL, 0);
  return syscall(SYS_ftruncate, fd, length);
}

int ftruncate(int fd, off_t length) { return ftruncate64(fd, length); }

static int traced_open(const char *name, int flags, mode_t mode) {
  struct stat unused;
  const char *path = flags & O_CREAT ? below(name) : NULL;
  if (path && is_hit(CREATE)) return failed();
  int is_new = path && stat(name, &unused) != 0;
  int fd = syscall(SYS_openat, AT_FDCWD, name, flags, mode);
  if (is_new && fd >= 0) note(CREATE, 0, path, 0, NULL, 0);
  return fd;
}

#define MODE_OF(flags, mode)                                                                       \
  mode_t mode = 0;                                                                                 \
  if (flags & (O_CREAT | __O_TMPFILE)) {                                                           \
    va_list rest;                                                                                  \
    va_start(rest, flags);                                                                         \
    mode = va_arg(rest, mode_t);                                                                   \
    va_end(rest);                                                                                  \
  }

int open64(const char *name, int flags, ...) {
  MODE_OF(flags, mode)
  return traced_open(name, flags | O_LARGEFILE, mode);
}

int open(const char *name, int flags, ...) {
  MODE_OF(flags, mode)
  return traced_open(name, flags, mode);
}

int unlink(const char *name) {
  const char *path = below(name);
  if (path && is_hit(UNLINK)) return failed();
  int result = syscall(SYS_unlink, name);
  if (path && result == 0) note(UNLINK, 0, path, 0, NULL, 0);
  return result;
}

int link(const char *from, const char *to) {
  const char *path = below(to);
  const char *source = below(from);
  if (path && is_hit(LINK)) return failed();
  int result = syscall(SYS_link, from, to);
  if (path && source && result == 0) note(LINK, 0, path, 0, source, strlen(source));
  return result;
}

int mkdir(const char *name, mode_t mode) {
  const char *path = below(name);
  if (path && is_hit(MKDIR)) return failed();
  int result = syscall(SYS_mkdir, name, mode);
  if (path && result == 0) note(MKDIR, 0, path, 0, NULL, 0);
  return result;
}

int rename(const char *from, const char *to) {
  const char *path = below(to);
  const char *source = below(from);
  if (path && is_hit(RENAME)) return failed();
  int result = syscall(SYS_rename, from, to);
  if (path && source && result == 0) note(RENAME, 0, path, 0, source, strlen(source));
  return result;
}
