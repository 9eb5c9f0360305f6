#define _GNU_SOURCE
#include "CLinux.h"

#include <sys/socket.h>

int oncilla_peer_credentials(int socket, uint32_t *user, int32_t *process) {
  struct ucred credentials;
  socklen_t size = sizeof credentials;
  if (getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &credentials, &size) != 0) return -1;
  *user = credentials.uid;
  *process = credentials.pid;
  return 0;
}
