/* Floods addresses that nobody has: one small UDP packet to each, so many a second, until a signal ends it.
 *
 *     flood RATE PREFIX LAST [INTERFACE]
 *
 * PREFIX is an IPv6 address whose first 48 bits count; the others are random, and the last byte is LAST: at 3 a host of
 * the overlay may have the address. INTERFACE is where those of a link are. At the end it prints how many packets
 * were sent, how many were refused by the kernel, and the seconds of processor time that they took. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>

enum { BURST = 100 };

static volatile sig_atomic_t is_over;

static void end(int number) {
  (void)number;
  is_over = 1;
}

static uint64_t number(void) {
  static uint64_t state = 88172645463325252u;
  state ^= state << 13;
  state ^= state >> 7;
  state ^= state << 17;
  return state;
}

int main(int count, char **arguments) {
  struct in6_addr prefix;
  if (count < 4 || inet_pton(AF_INET6, arguments[2], &prefix) != 1) {
    fprintf(stderr, "usage: flood RATE PREFIX LAST [INTERFACE]\n");
    return 2;
  }
  const double rate = atof(arguments[1]);
  const int last = atoi(arguments[3]);
  const unsigned scope = count > 4 ? if_nametoindex(arguments[4]) : 0;
  const int room = 4 << 20, none = 0;
  int udp = socket(AF_INET6, SOCK_DGRAM, 0);
  if (udp < 0) {
    perror("socket");
    return 1;
  }
  setsockopt(udp, SOL_SOCKET, SO_SNDBUF, &room, sizeof room);
  setsockopt(udp, IPPROTO_IPV6, IPV6_MULTICAST_LOOP, &none, sizeof none);
  signal(SIGTERM, end);
  signal(SIGINT, end);

  static char payload[8];
  struct sockaddr_in6 targets[BURST];
  struct mmsghdr messages[BURST];
  struct iovec run = {payload, sizeof payload};
  memset(targets, 0, sizeof targets);
  memset(messages, 0, sizeof messages);
  for (int place = 0; place < BURST; place++) {
    targets[place].sin6_family = AF_INET6;
    targets[place].sin6_port = htons(9);
    targets[place].sin6_scope_id = scope;
    messages[place].msg_hdr.msg_name = &targets[place];
    messages[place].msg_hdr.msg_namelen = sizeof targets[place];
    messages[place].msg_hdr.msg_iov = &run;
    messages[place].msg_hdr.msg_iovlen = 1;
  }

  unsigned long long sent = 0, refused = 0;
  struct timespec due;
  clock_gettime(CLOCK_MONOTONIC, &due);
  while (!is_over) {
    for (int place = 0; place < BURST; place++) {
      uint8_t *address = targets[place].sin6_addr.s6_addr;
      const uint64_t low = number();
      const uint16_t high = (uint16_t)number();
      memcpy(address, &prefix, 6);
      memcpy(address + 6, &high, 2);
      memcpy(address + 8, &low, 8);
      address[15] = (uint8_t)last;
    }
    /* Errors that were told of earlier packets are told once each, in place of a packet. */
    for (int place = 0; place < BURST;) {
      const int done = sendmmsg(udp, messages + place, (unsigned)(BURST - place), 0);
      if (done > 0) {
        sent += (unsigned)done;
        place += done;
      } else if (errno == EINTR && is_over) {
        break;
      } else {
        refused++;
        place++;
      }
    }
    due.tv_nsec += (long)(BURST / rate * 1e9);
    while (due.tv_nsec >= 1000000000) {
      due.tv_nsec -= 1000000000;
      due.tv_sec++;
    }
    clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &due, NULL);
  }
  struct rusage usage;
  getrusage(RUSAGE_SELF, &usage);
  printf("%llu %llu %.2f\n", sent, refused,
         (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
             (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6);
  return 0;
}
