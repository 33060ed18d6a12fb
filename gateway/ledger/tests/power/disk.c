/*
 * A disk that forgets: what a process writes below POWER_DIR reaches the folder POWER_DISK only when
 * it is synced. After a kill, POWER_DISK is what a power cut would have left at the worst.
 * Preloaded into a test's own process; part of no program.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILES 16

struct file {
    char path[PATH_MAX];
    off_t from, to; /* what was written since the last sync */
};

static struct file files[FILES];
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

/* The file behind `fd`, if it lies below POWER_DIR and is kept at all. */
static struct file *file_of(int fd) {
    char link[64], path[PATH_MAX];
    const char *dir = getenv("POWER_DIR");
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (!dir || length < 0) return NULL;
    path[length] = 0;
    if (strncmp(path, dir, strlen(dir)) || strstr(path, "-shm")) return NULL;
    for (int i = 0; i < FILES; i++) {
        if (!files[i].path[0]) {
            strcpy(files[i].path, path);
            files[i].from = files[i].to = 0;
        }
        if (!strcmp(files[i].path, path)) return &files[i];
    }
    abort();
}

static void wrote(int fd, off_t from, ssize_t count) {
    if (count <= 0) return;
    pthread_mutex_lock(&lock);
    struct file *file = file_of(fd);
    if (file) {
        if (file->from == file->to) file->from = from, file->to = from + count;
        if (from < file->from) file->from = from;
        if (from + count > file->to) file->to = from + count;
    }
    pthread_mutex_unlock(&lock);
}

/* A folder is synced: what was removed from it is gone from the disk too. */
static int carry_folder(void) {
    char path[PATH_MAX * 2];
    DIR *disk = opendir(getenv("POWER_DISK"));
    if (!disk) abort();
    for (struct dirent *entry; (entry = readdir(disk));) {
        if (entry->d_name[0] == '.') continue;
        snprintf(path, sizeof path, "%s/%s", getenv("POWER_DIR"), entry->d_name);
        if (!access(path, F_OK)) continue;
        snprintf(path, sizeof path, "%s/%s", getenv("POWER_DISK"), entry->d_name);
        unlink(path);
    }
    closedir(disk);
    return 0;
}

/* Brings what was written to the disk, and the file's size. */
static int carry(int fd) {
    static char piece[1 << 16];
    struct stat what;
    if (!fstat(fd, &what) && S_ISDIR(what.st_mode)) return carry_folder();
    pthread_mutex_lock(&lock);
    struct file *file = file_of(fd);
    if (file) {
        char path[PATH_MAX * 2];
        snprintf(path, sizeof path, "%s/%s", getenv("POWER_DISK"), strrchr(file->path, '/') + 1);
        int disk = open(path, O_RDWR | O_CREAT, 0600);
        int source = open(file->path, O_RDONLY);
        struct stat now;
        if (disk < 0 || source < 0 || fstat(source, &now)) abort();
        static ssize_t (*put)(int, const void *, size_t, off_t);
        if (!put) put = dlsym(RTLD_NEXT, "pwrite");
        for (off_t at = file->from; at < file->to;) {
            size_t most = file->to - at < (off_t)sizeof piece ? file->to - at : sizeof piece;
            ssize_t got = pread(source, piece, most, at);
            if (got <= 0) break;
            if (put(disk, piece, got, at) != got) abort();
            at += got;
        }
        static int (*cut)(int, off_t);
        if (!cut) cut = dlsym(RTLD_NEXT, "ftruncate");
        if (cut(disk, now.st_size)) abort();
        file->from = file->to = 0;
        close(source);
        close(disk);
    }
    pthread_mutex_unlock(&lock);
    return 0;
}

int fsync(int fd) { return carry(fd); }
int fdatasync(int fd) { return carry(fd); }

ssize_t write(int fd, const void *bytes, size_t count) {
    static ssize_t (*real)(int, const void *, size_t);
    if (!real) real = dlsym(RTLD_NEXT, "write");
    off_t at = lseek(fd, 0, SEEK_CUR);
    ssize_t done = real(fd, bytes, count);
    if (at >= 0) wrote(fd, at, done);
    return done;
}

ssize_t pwrite(int fd, const void *bytes, size_t count, off_t at) {
    static ssize_t (*real)(int, const void *, size_t, off_t);
    if (!real) real = dlsym(RTLD_NEXT, "pwrite");
    ssize_t done = real(fd, bytes, count, at);
    wrote(fd, at, done);
    return done;
}

ssize_t pwrite64(int fd, const void *bytes, size_t count, off64_t at) {
    return pwrite(fd, bytes, count, at);
}
