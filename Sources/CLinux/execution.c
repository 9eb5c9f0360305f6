#define _GNU_SOURCE
#include "CLinux.h"

#include <sched.h>
#include <sys/mount.h>

int oncilla_separate_mounts(void) {
  if (unshare(CLONE_NEWNS) == -1) return -1;
  return mount("none", "/", NULL, MS_REC | MS_SLAVE, NULL);
}

int oncilla_mount_layers(const char *directories, const char *path) {
  return mount("overlay", path, "overlay", MS_RDONLY | MS_NOSUID | MS_NODEV, directories);
}

int oncilla_unmount(const char *path) { return umount2(path, MNT_DETACH); }

int oncilla_mount_virtual(const char *kind, const char *path) {
  return mount(kind, path, kind, MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL);
}
