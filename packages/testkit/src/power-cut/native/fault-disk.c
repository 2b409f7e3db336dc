/*
 * A disk for tests, to put a loop device on: one file named `disk` on a FUSE mount.
 *
 *     fault-disk MEDIUM MOUNT_POINT -f -s
 *
 * Like a real disk it has a cache that forgets. A write stays in the cache until a flush moves it
 * to MEDIUM, a file of the disk's size; a power cut loses what is in the cache, all of it or a part
 * of its sectors, in whatever order they came. And it fails on command. A command is a line on
 * standard input, answered by a line on standard output:
 *
 *     cut SEED PERCENT      the power goes: PERCENT of the sectors in the cache, chosen by SEED,
 *                           reach the medium, the others are lost; every request fails from now on
 *     power                 the power is back
 *     fail-flushes COUNT    the next COUNT flushes fail, and the cache forgets what it had
 *     lie                   flushes succeed and do nothing
 *     bad r|w FIRST COUNT   reads or writes that touch these sectors of 512 bytes fail
 *     hang                  requests wait
 *     heal                  failing flushes, lies, bad sectors and hanging end
 *
 * At the end of standard input the disk is taken away, also from under a file system that hangs on
 * it: nothing outlives the test that started it.
 */
#define FUSE_USE_VERSION 31
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <fuse3/fuse.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#define SECTOR_BYTES 512
#define BAD_RANGES_MAX 64
/* 64 MiB of flushed sectors may have a private copy in memory. */
#define COPIED_SECTORS_MAX (1 << 17)
#define DISK_PATH "/disk"

struct bad_range {
  bool fails_reads;
  uint64_t first, end;
};

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t resumed = PTHREAD_COND_INITIALIZER;
static const char *mount_point;

/* What the disk would read: private pages over the medium, which is the cache of the disk. */
static char *view;
static int medium;
static size_t disk_bytes;
static uint64_t *cached; /* sectors whose newest bytes are in the cache only */
static size_t cached_count, cached_room;
static uint8_t *is_cached; /* by sector */
static size_t copied_sectors; /* flushed since private pages were last given back */

static bool is_off, lies, hangs;
static long flushes_to_fail;
static struct bad_range bad_ranges[BAD_RANGES_MAX];
static int bad_count;

static void die(const char *what) {
  perror(what);
  exit(1);
}

static void note_cached(uint64_t sector) {
  if (is_cached[sector]) return;
  is_cached[sector] = 1;
  if (cached_count == cached_room) {
    cached_room = cached_room == 0 ? 4096 : 2 * cached_room;
    cached = realloc(cached, cached_room * sizeof *cached);
    if (cached == NULL) die("realloc");
  }
  cached[cached_count++] = sector;
}

static void write_to_medium(uint64_t sector) {
  off_t at = (off_t)(sector * SECTOR_BYTES);
  if (pwrite(medium, view + at, SECTOR_BYTES, at) != SECTOR_BYTES) die("pwrite");
}

/* The cache is empty afterwards; what did not reach the medium reads as it was before. */
static void empty_cache(void) {
  for (size_t i = 0; i < cached_count; i++) is_cached[cached[i]] = 0;
  cached_count = 0;
  if (madvise(view, disk_bytes, MADV_DONTNEED) != 0) die("madvise");
}

static void flush_cache(void) {
  for (size_t i = 0; i < cached_count; i++) {
    write_to_medium(cached[i]);
    is_cached[cached[i]] = 0;
  }
  copied_sectors += cached_count;
  cached_count = 0;
  if (copied_sectors < COPIED_SECTORS_MAX) return;
  /* The medium reads the same now; private pages would add up to all that was ever written. */
  copied_sectors = 0;
  if (madvise(view, disk_bytes, MADV_DONTNEED) != 0) die("madvise");
}

/* splitmix64: the same seed keeps the same sectors. */
static uint64_t next_random(uint64_t *state) {
  uint64_t z = (*state += 0x9e3779b97f4a7c15u);
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
  return z ^ (z >> 31);
}

static void cut_power(uint64_t seed, unsigned percent) {
  size_t kept = 0, total = cached_count;
  for (size_t i = 0; i < cached_count; i++) {
    if (next_random(&seed) % 100 >= percent) continue;
    write_to_medium(cached[i]);
    kept++;
  }
  empty_cache();
  is_off = true;
  printf("ok lost %zu kept %zu\n", total - kept, kept);
}

static bool touches_bad(off_t offset, size_t size, bool is_read) {
  uint64_t first = (uint64_t)offset / SECTOR_BYTES;
  uint64_t end = ((uint64_t)offset + size + SECTOR_BYTES - 1) / SECTOR_BYTES;
  for (int i = 0; i < bad_count; i++) {
    const struct bad_range *bad = &bad_ranges[i];
    if (bad->fails_reads == is_read && first < bad->end && bad->first < end) return true;
  }
  return false;
}

/* Holds the mutex when it returns; 0, or the error of every request of a disk without power. */
static int begin_request(void) {
  pthread_mutex_lock(&mutex);
  while (hangs) pthread_cond_wait(&resumed, &mutex);
  return is_off ? -EIO : 0;
}

static int end_request(int result) {
  pthread_mutex_unlock(&mutex);
  return result;
}

static int disk_getattr(const char *path, struct stat *stat, struct fuse_file_info *info) {
  (void)info;
  memset(stat, 0, sizeof *stat);
  bool is_disk = strcmp(path, DISK_PATH) == 0;
  if (!is_disk && strcmp(path, "/") != 0) return -ENOENT;
  stat->st_mode = is_disk ? S_IFREG | 0600 : S_IFDIR | 0700;
  stat->st_nlink = is_disk ? 1 : 2;
  stat->st_size = is_disk ? (off_t)disk_bytes : 0;
  return 0;
}

static int disk_open(const char *path, struct fuse_file_info *info) {
  (void)path;
  info->direct_io = 1; /* the kernel keeps nothing: a bad sector is bad at once */
  return 0;
}

static int disk_read(const char *path, char *target, size_t size, off_t offset,
                     struct fuse_file_info *info) {
  (void)path, (void)info;
  int error = begin_request();
  if ((size_t)offset >= disk_bytes) return end_request(0);
  if (size > disk_bytes - (size_t)offset) size = disk_bytes - (size_t)offset;
  if (error == 0 && touches_bad(offset, size, true)) error = -EIO;
  if (error == 0) memcpy(target, view + offset, size);
  return end_request(error == 0 ? (int)size : error);
}

static int disk_write(const char *path, const char *source, size_t size, off_t offset,
                      struct fuse_file_info *info) {
  (void)path, (void)info;
  int error = begin_request();
  if ((size_t)offset + size > disk_bytes) return end_request(-ENOSPC);
  if (error == 0 && touches_bad(offset, size, false)) error = -EIO;
  if (error == 0) {
    memcpy(view + offset, source, size);
    uint64_t end = ((uint64_t)offset + size + SECTOR_BYTES - 1) / SECTOR_BYTES;
    for (uint64_t s = (uint64_t)offset / SECTOR_BYTES; s < end; s++) note_cached(s);
  }
  return end_request(error == 0 ? (int)size : error);
}

static int disk_fsync(const char *path, int data_only, struct fuse_file_info *info) {
  (void)path, (void)data_only, (void)info;
  int error = begin_request();
  if (error == 0 && flushes_to_fail > 0) {
    flushes_to_fail--;
    empty_cache();
    error = -EIO;
  }
  if (error == 0 && !lies) flush_cache();
  return end_request(error);
}

static int disk_truncate(const char *path, off_t size, struct fuse_file_info *info) {
  (void)path, (void)info;
  return (size_t)size == disk_bytes ? 0 : -EPERM;
}

static const struct fuse_operations operations = {
    .getattr = disk_getattr,
    .open = disk_open,
    .read = disk_read,
    .write = disk_write,
    .fsync = disk_fsync,
    .truncate = disk_truncate,
};

static bool mark_bad(const char *line) {
  char kind;
  unsigned long first, count;
  if (sscanf(line, "bad %c %lu %lu", &kind, &first, &count) != 3) return false;
  if ((kind != 'r' && kind != 'w') || bad_count == BAD_RANGES_MAX) return false;
  bad_ranges[bad_count++] = (struct bad_range){kind == 'r', first, first + count};
  return true;
}

static void heal(void) {
  bad_count = 0;
  flushes_to_fail = 0;
  lies = hangs = false;
  pthread_cond_broadcast(&resumed);
}

static void obey(const char *line) {
  unsigned long seed;
  unsigned percent;
  bool is_known = true;
  if (sscanf(line, "cut %lu %u", &seed, &percent) == 2) {
    cut_power(seed, percent);
    return;
  }
  if (strcmp(line, "power\n") == 0) is_off = false;
  else if (strcmp(line, "lie\n") == 0) lies = true;
  else if (strcmp(line, "hang\n") == 0) hangs = true;
  else if (strcmp(line, "heal\n") == 0) heal();
  else if (sscanf(line, "fail-flushes %ld", &flushes_to_fail) != 1) is_known = mark_bad(line);
  printf(is_known ? "ok\n" : "refused\n");
}

static void *obey_commands(void *unused) {
  (void)unused;
  char line[256];
  while (fgets(line, sizeof line, stdin) != NULL) {
    pthread_mutex_lock(&mutex);
    obey(line);
    fflush(stdout);
    pthread_mutex_unlock(&mutex);
  }
  umount2(mount_point, MNT_DETACH);
  _exit(0);
}

static void open_medium(const char *path) {
  struct stat stat;
  medium = open(path, O_RDWR | O_CLOEXEC);
  if (medium < 0 || fstat(medium, &stat) != 0) die(path);
  disk_bytes = (size_t)stat.st_size;
  int flags = MAP_PRIVATE | MAP_NORESERVE;
  view = mmap(NULL, disk_bytes, PROT_READ | PROT_WRITE, flags, medium, 0);
  is_cached = calloc(disk_bytes / SECTOR_BYTES, 1);
  if (view == MAP_FAILED || is_cached == NULL) die("mmap");
}

int main(int count, char **words) {
  if (count < 3) {
    fprintf(stderr, "fault-disk MEDIUM MOUNT_POINT -f -s\n");
    return 64;
  }
  open_medium(words[1]);
  mount_point = words[2];
  pthread_t commands;
  if (pthread_create(&commands, NULL, obey_commands, NULL) != 0) die("pthread_create");
  words[1] = words[0];
  return fuse_main(count - 1, words + 1, &operations, NULL);
}
