/*
 * For LD_PRELOAD: a disk that loses what one sync should have kept, and then works again.
 *
 * When the file named by LOST_SYNC_TRIGGER exists, the next fdatasync or fsync of a file whose path
 * contains LOST_SYNC_PATH removes it, puts the bytes back that were there before the last write to
 * that file, and fails with EIO. Every later sync succeeds: whoever tries again is told that all is
 * well, and the old bytes are what the disk has. This is what file systems do after a failed
 * write-back, for writes that pass the page cache by, too.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#define KEPT_BYTES_MAX (32u << 20)

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static char *old_bytes; /* page-aligned: it goes back by direct I/O */
static size_t old_size;
static off_t old_offset;
static int old_file = -1;

static int is_ours(int file) {
  const char *wanted = getenv("LOST_SYNC_PATH");
  char link[64], path[4096];
  if (wanted == NULL) return 0;
  snprintf(link, sizeof link, "/proc/self/fd/%d", file);
  ssize_t size = readlink(link, path, sizeof path - 1);
  if (size < 0) return 0;
  path[size] = 0;
  return strstr(path, wanted) != NULL;
}

static void remember(int file, size_t size, off_t offset) {
  if (!is_ours(file) || size > KEPT_BYTES_MAX) return;
  pthread_mutex_lock(&mutex);
  if (old_bytes == NULL && posix_memalign((void **)&old_bytes, 4096, KEPT_BYTES_MAX) != 0) abort();
  ssize_t got = pread(file, old_bytes, size, offset);
  old_file = got == (ssize_t)size ? file : -1;
  old_size = size;
  old_offset = offset;
  pthread_mutex_unlock(&mutex);
}

ssize_t pwritev64(int file, const struct iovec *pieces, int count, off64_t offset) {
  static ssize_t (*real)(int, const struct iovec *, int, off64_t);
  if (real == NULL) real = dlsym(RTLD_NEXT, "pwritev64");
  size_t size = 0;
  for (int i = 0; i < count; i++) size += pieces[i].iov_len;
  remember(file, size, offset);
  return real(file, pieces, count, offset);
}

ssize_t pwrite64(int file, const void *bytes, size_t size, off64_t offset) {
  static ssize_t (*real)(int, const void *, size_t, off64_t);
  if (real == NULL) real = dlsym(RTLD_NEXT, "pwrite64");
  remember(file, size, offset);
  return real(file, bytes, size, offset);
}

/* Whether this sync is the one to lose; then the old bytes are back. */
static int loses(int file) {
  static ssize_t (*real_write)(int, const void *, size_t, off64_t);
  const char *trigger = getenv("LOST_SYNC_TRIGGER");
  if (trigger == NULL || !is_ours(file) || unlink(trigger) != 0) return 0;
  if (real_write == NULL) real_write = dlsym(RTLD_NEXT, "pwrite64");
  pthread_mutex_lock(&mutex);
  if (old_file == file) {
    if (real_write(file, old_bytes, old_size, old_offset) != (ssize_t)old_size) abort();
  }
  pthread_mutex_unlock(&mutex);
  errno = EIO;
  return 1;
}

int fdatasync(int file) {
  static int (*real)(int);
  if (real == NULL) real = dlsym(RTLD_NEXT, "fdatasync");
  return loses(file) ? -1 : real(file);
}

int fsync(int file) {
  static int (*real)(int);
  if (real == NULL) real = dlsym(RTLD_NEXT, "fsync");
  return loses(file) ? -1 : real(file);
}
