#define _GNU_SOURCE
#include "CLinux.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

int oncilla_channel(int ends[2]) { return socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends); }

enum { most_descriptors = 2 };

ptrdiff_t oncilla_send_message(int socket, const void *bytes, size_t count, const int *descriptors, int number) {
  struct iovec run = {.iov_base = (void *)bytes, .iov_len = count};
  _Alignas(struct cmsghdr) char control[CMSG_SPACE(most_descriptors * sizeof(int))];
  memset(control, 0, sizeof control);
  struct msghdr message = {.msg_iov = &run, .msg_iovlen = 1};
  if (number < 0 || number > most_descriptors) {
    errno = EINVAL;
    return -1;
  }
  if (number > 0) {
    message.msg_control = control;
    message.msg_controllen = CMSG_SPACE((size_t)number * sizeof(int));
    struct cmsghdr *header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN((size_t)number * sizeof(int));
    memcpy(CMSG_DATA(header), descriptors, (size_t)number * sizeof(int));
  }
  return sendmsg(socket, &message, MSG_NOSIGNAL);
}

ptrdiff_t oncilla_receive_message(int socket, void *buffer, size_t size, int descriptors[2], int *number) {
  struct iovec run = {.iov_base = buffer, .iov_len = size};
  _Alignas(struct cmsghdr) char control[CMSG_SPACE(most_descriptors * sizeof(int))];
  struct msghdr message = {
      .msg_iov = &run, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
  *number = 0;
  ssize_t count = recvmsg(socket, &message, MSG_CMSG_CLOEXEC);
  if (count < 0) return -1;
  for (struct cmsghdr *header = CMSG_FIRSTHDR(&message); header != NULL; header = CMSG_NXTHDR(&message, header)) {
    if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS) continue;
    size_t received = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    for (size_t index = 0; index < received; index++) {
      int descriptor;
      memcpy(&descriptor, CMSG_DATA(header) + index * sizeof(int), sizeof descriptor);
      if (*number < most_descriptors) {
        descriptors[(*number)++] = descriptor;
      } else {
        close(descriptor);
      }
    }
  }
  if (message.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) {
    while (*number > 0) close(descriptors[--*number]);
    *number = -1;
  }
  if (message.msg_flags & MSG_TRUNC) {
    errno = EMSGSIZE;
    return -1;
  }
  return count;
}

int oncilla_place_flag(void) { return O_PATH; }

int oncilla_capabilities(uint64_t *permitted) {
  struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3, .pid = 0};
  struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3];
  memset(data, 0, sizeof data);
  if (syscall(SYS_capget, &header, data) != 0) return -1;
  *permitted = (uint64_t)data[1].permitted << 32 | data[0].permitted;
  return 0;
}

int oncilla_set_capabilities(uint64_t capabilities, bool is_inherited) {
  struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3, .pid = 0};
  struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3];
  for (int half = 0; half < 2; half++) {
    uint32_t bits = (uint32_t)(capabilities >> (32 * half));
    data[half].effective = data[half].permitted = bits;
    data[half].inheritable = is_inherited ? bits : 0;
  }
  return (int)syscall(SYS_capset, &header, data);
}

void oncilla_drop_bounding_capabilities(void) {
  // Without CAP_SETPCAP it fails, and is not needed: no_new_privs keeps what a file would give from being had.
  for (unsigned long capability = 0; capability < 64; capability++) prctl(PR_CAPBSET_DROP, capability, 0, 0, 0);
}

int oncilla_clear_ambient_capabilities(void) { return prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0); }

int oncilla_refuse_new_privileges(void) { return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); }

int oncilla_end_with_parent(void) { return prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0); }

int oncilla_refuse_dumps(void) { return prctl(PR_SET_DUMPABLE, 0, 0, 0, 0); }

void oncilla_set_process_name(const char *name) { prctl(PR_SET_NAME, (unsigned long)name, 0, 0, 0); }
