// A stand-in for Tor's SOCKS port that is never the bottleneck, or a known one.
//
//   relay [-r RATE] [-d MILLISECONDS] PORT NAME=PORT...
//
// Takes SOCKS4a on 127.0.0.1:PORT and passes each stream on to the port of 127.0.0.1 that its name is mapped to; the
// name `*` stands for all others, and what is not mapped is refused. A line on standard output says that it listens.
//
//   -r RATE           bytes per second that one direction of one stream may take; without it splice(2) moves all
//   -d MILLISECONDS   pass before a stream is granted, as Tor needs time to build a circuit
//
// Two threads a stream: that way the kernel spreads the streams over the processors, as it would for Tor's neighbours.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum {
  REQUEST_MAXIMUM = 1024,
  PIPE = 1 << 20,
  CELLS = 4 * 498,     // Tor hands its data on in cells of 498 bytes; a few at a time
  PATIENCE = 5000000,  // nanoseconds of unused rate that a stream may catch up on
  KERNEL_SHARE = 65536 // of a slow stream's queue, so that the queue under test is the daemon's
};

struct mapping {
  const char *name;
  int port;
};

struct direction {
  int from, to;
};

static struct mapping *mappings;
static int mapping_count;
static long rate;
static long delay;

static long long nanoseconds(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * 1000000000LL + now.tv_nsec;
}

static void sleep_until(long long instant) {
  struct timespec then = {.tv_sec = instant / 1000000000LL, .tv_nsec = instant % 1000000000LL};
  while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &then, NULL) == EINTR) {}
}

static int send_all(int to, const char *data, size_t length) {
  while (length > 0) {
    ssize_t sent = send(to, data, length, MSG_NOSIGNAL);
    if (sent <= 0) return 0;
    data += sent;
    length -= (size_t)sent;
  }
  return 1;
}

static void pass_at_full_speed(struct direction way) {
  int ends[2];
  if (pipe(ends) != 0) return;
  fcntl(ends[1], F_SETPIPE_SZ, PIPE);
  for (;;) {
    ssize_t inside = splice(way.from, NULL, ends[1], NULL, PIPE, SPLICE_F_MOVE);
    if (inside <= 0) break;
    while (inside > 0) {
      ssize_t passed = splice(ends[0], NULL, way.to, NULL, (size_t)inside, SPLICE_F_MOVE);
      if (passed <= 0) goto broken;
      inside -= passed;
    }
  }
broken:
  close(ends[0]);
  close(ends[1]);
}

static void pass_at_rate(struct direction way) {
  char cells[CELLS];
  long long due = nanoseconds();
  prctl(PR_SET_TIMERSLACK, 1UL);
  for (;;) {
    ssize_t received = recv(way.from, cells, sizeof cells, 0);
    if (received <= 0) return;
    long long now = nanoseconds();
    if (due < now - PATIENCE) due = now - PATIENCE;
    due += received * 1000000000LL / rate;
    if (due > now) sleep_until(due);
    if (!send_all(way.to, cells, (size_t)received)) return;
  }
}

static void *pass(void *argument) {
  struct direction way = *(struct direction *)argument;
  if (rate > 0) pass_at_rate(way);
  else pass_at_full_speed(way);
  shutdown(way.to, SHUT_WR);
  shutdown(way.from, SHUT_RD);
  return NULL;
}

// The name in a request 04 01 PORT ADDRESS userid 00 name 00, or NULL; a byte at a time: what follows it is data.
static const char *read_request(int client, char *request) {
  int length = 0, ends = 0;
  char *name = NULL;
  while (ends < 2) {
    if (length == REQUEST_MAXIMUM || recv(client, request + length, 1, 0) != 1) return NULL;
    length++;
    if (length > 8 && request[length - 1] == 0 && ++ends == 1) name = request + length;
  }
  return request[0] == 4 && request[1] == 1 ? name : NULL;
}

static int port_of(const char *name) {
  for (int index = 0; index < mapping_count; index++)
    if (strcmp(mappings[index].name, name) == 0 || strcmp(mappings[index].name, "*") == 0) return mappings[index].port;
  return 0;
}

static struct sockaddr_in loopback(int port) {
  return (struct sockaddr_in){
    .sin_family = AF_INET, .sin_port = htons((unsigned short)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
}

static int reach(const char *name) {
  struct sockaddr_in address = loopback(port_of(name));
  if (address.sin_port == 0) return -1;
  int target = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (target >= 0 && connect(target, (struct sockaddr *)&address, sizeof address) != 0) {
    close(target);
    return -1;
  }
  return target;
}

static void prepare(int end) {
  int one = 1, share = KERNEL_SHARE;
  setsockopt(end, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  if (rate > 0) {
    setsockopt(end, SOL_SOCKET, SO_RCVBUF, &share, sizeof share);
    setsockopt(end, SOL_SOCKET, SO_SNDBUF, &share, sizeof share);
  }
}

static void *serve(void *argument) {
  int client = (int)(long)argument;
  char request[REQUEST_MAXIMUM];
  const char *name = read_request(client, request);
  if (name != NULL) {
    if (delay > 0) sleep_until(nanoseconds() + delay * 1000000LL);
    int target = reach(name);
    char reply[8] = {0, target >= 0 ? 0x5A : 0x5B};
    if (send_all(client, reply, sizeof reply) && target >= 0) {
      prepare(client);
      prepare(target);
      struct direction there = {client, target}, back = {target, client};
      pthread_t other;
      if (pthread_create(&other, NULL, pass, &there) == 0) {
        pass(&back);
        pthread_join(other, NULL);
      }
    }
    if (target >= 0) close(target);
  }
  close(client);
  return NULL;
}

static int usage(void) {
  fputs("usage: relay [-r RATE] [-d MILLISECONDS] PORT NAME=PORT...\n", stderr);
  return 2;
}

int main(int count, char **arguments) {
  for (int option; (option = getopt(count, arguments, "r:d:")) != -1;) {
    if (option == 'r') rate = atol(optarg);
    else if (option == 'd') delay = atol(optarg);
    else return usage();
  }
  if (optind >= count) return usage();
  struct sockaddr_in address = loopback(atoi(arguments[optind++]));
  mappings = calloc((size_t)(count - optind) + 1, sizeof *mappings);
  if (mappings == NULL) return 1;
  for (; optind < count; optind++) {
    char *separator = strchr(arguments[optind], '=');
    if (separator == NULL) return usage();
    *separator = 0;
    mappings[mapping_count++] = (struct mapping){.name = arguments[optind], .port = atoi(separator + 1)};
  }

  signal(SIGPIPE, SIG_IGN);
  struct rlimit files;
  if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
  }
  int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), one = 1;
  setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
  if (bind(listener, (struct sockaddr *)&address, sizeof address) != 0 || listen(listener, 4096) != 0) {
    perror("relay");
    return 1;
  }
  puts("listening");
  fflush(stdout);

  pthread_attr_t detached;
  pthread_attr_init(&detached);
  pthread_attr_setstacksize(&detached, 65536);
  pthread_attr_setdetachstate(&detached, PTHREAD_CREATE_DETACHED);
  for (;;) {
    int client = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
    pthread_t thread;
    if (client >= 0 && pthread_create(&thread, &detached, serve, (void *)(long)client) != 0) close(client);
  }
}
