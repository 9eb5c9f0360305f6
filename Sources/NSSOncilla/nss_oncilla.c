// libnss_oncilla: names of the overlay for every program that asks the C library (nsswitch.conf(5)).
//
//     hosts: files oncilla [NOTFOUND=return] dns
//
// Three kinds of names are answered for, and none of them is ever asked of what stands behind `oncilla` in that line: those
// below .onion, those below the zone of petnames, and petnames by themselves as far as the daemon's hosts file has them.
// For them the status is SUCCESS or NOTFOUND, whatever has become of the daemon. For all other names it is UNAVAIL, so that
// the next service is asked. The same goes for addresses of the overlay and all others.
//
// The daemon is asked in messages of DNS at a UNIX socket, in 200 ms at most. Its hosts file answers where it does not.
// There is no state, and nothing is kept between two calls. What is read is bounded and checked: it is used in programs
// with more rights than the daemon has.
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <nss.h>
#include <poll.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define EXPORT __attribute__((visibility("default")))

static const char socket_path[] = "/run/oncilla/names.sock";
static const char hosts_path[] = "/var/cache/oncilla/hosts";
// What the daemon calls this host, in front of its zone.
static const char own_name[] = "host.self.";
static const char zone[] = "oncilla.internal";
static const unsigned char prefix[6] = {0xfd, 0x87, 0xd8, 0x7e, 0xeb, 0x43};

enum {
  patience_ms = 200,
  // RFC 1035 section 2.3.4, without the dot at the end.
  longest_name = 253,
  longest_message = 512,
  longest_line = 1024,
  greatest_hosts_file = 8 << 20,
  type_ptr = 12,
  type_aaaa = 28,
};

// Whose a name is.
enum kind { foreign, bare, dotted, ours };

// What came of a question.
enum outcome { found, missing, unanswered };

struct answer {
  unsigned char address[16];
  char name[longest_name + 1];
};

static int is_below(const char *name, const char *top) {
  size_t length = strlen(name), top_length = strlen(top);
  if (length < top_length || strcmp(name + length - top_length, top) != 0) return 0;
  return length == top_length || name[length - top_length - 1] == '.';
}

// Copies a name in lower case, without a dot at its end, and tells whose it is. What no name of ours can be is foreign.
static enum kind read_name(const char *text, char name[longest_name + 1]) {
  size_t length = strlen(text);
  if (length > 0 && text[length - 1] == '.') length--;
  if (length == 0 || length > longest_name) return foreign;
  int has_dot = 0;
  for (size_t i = 0; i < length; i++) {
    char c = text[i];
    if (c >= 'A' && c <= 'Z') c += 'a' - 'A';
    if (c == '.') has_dot = 1;
    name[i] = c;
  }
  name[length] = 0;
  if (is_below(name, "onion") || is_below(name, zone)) return ours;
  return has_dot ? dotted : bare;
}

// --- Messages

// Appends a name as messages have it; the new end, or 0 if a label is empty or too long.
static size_t put_name(unsigned char *message, size_t end, const char *name) {
  while (1) {
    const char *dot = strchr(name, '.');
    size_t length = dot ? (size_t)(dot - name) : strlen(name);
    if (length == 0 || length > 63) return 0;
    message[end++] = (unsigned char)length;
    memcpy(message + end, name, length);
    end += length;
    if (!dot) break;
    name = dot + 1;
  }
  message[end++] = 0;
  return end;
}

static unsigned number(const unsigned char *bytes) { return (unsigned)bytes[0] << 8 | bytes[1]; }

// Moves behind a name, following nothing; 0 if it is cut or none.
static size_t skip_name(const unsigned char *message, size_t size, size_t offset) {
  while (offset < size) {
    unsigned length = message[offset];
    if (length == 0) return offset + 1;
    if (length >= 0xc0) return offset + 2 <= size ? offset + 2 : 0;
    if (length > 63) return 0;
    offset += 1 + length;
  }
  return 0;
}

// Reads a name of letters, digits and hyphens as text; whether it is one. A pointer leads backwards alone.
static int get_name(const unsigned char *message, size_t size, size_t offset, char *name) {
  size_t length = 0, start = offset;
  while (offset < size) {
    unsigned label = message[offset];
    if (label == 0) {
      name[length] = 0;
      return length > 0;
    }
    if (label >= 0xc0) {
      if (offset + 2 > size) return 0;
      size_t target = number(message + offset) & 0x3fff;
      if (target >= start) return 0;
      offset = start = target;
      continue;
    }
    if (label > 63 || offset + 1 + label > size || length + 1 + label > longest_name) return 0;
    if (length > 0) name[length++] = '.';
    for (unsigned i = 1; i <= label; i++) {
      unsigned char c = message[offset + i];
      int is_accepted = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-';
      if (!is_accepted) return 0;
      name[length++] = (char)c;
    }
    offset += 1 + label;
  }
  return 0;
}

static enum outcome read_answer(
    const unsigned char *message, size_t size, const unsigned char *question, size_t question_size, unsigned type,
    struct answer *answer) {
  if (size < 12 || memcmp(message, question, 2) != 0 || !(message[2] & 0x80)) return unanswered;
  unsigned code = message[3] & 15;
  if (code == 3) return missing;
  if (code != 0 || number(message + 4) != 1) return unanswered;
  if (size < question_size || memcmp(message + 12, question + 12, question_size - 12) != 0) return unanswered;
  if (number(message + 6) == 0) return missing;
  size_t offset = skip_name(message, size, question_size);
  if (offset == 0 || offset + 10 > size) return unanswered;
  size_t data = offset + 10, length = number(message + offset + 8);
  if (number(message + offset) != type || number(message + offset + 2) != 1 || data + length > size) return unanswered;
  if (type == type_ptr) return get_name(message, size, data, answer->name) ? found : unanswered;
  // No answer leads out of the overlay.
  if (length != 16 || memcmp(message + data, prefix, sizeof prefix) != 0) return unanswered;
  memcpy(answer->address, message + data, 16);
  return found;
}

// --- The daemon

static int64_t now_ms(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (int64_t)time.tv_sec * 1000 + time.tv_nsec / 1000000;
}

// Waits until something can be read or written; whether it can before the time is over.
static int wait_for(int file, short events, int64_t deadline) {
  while (1) {
    int64_t left = deadline - now_ms();
    if (left <= 0) return 0;
    struct pollfd entry = {.fd = file, .events = events};
    int count = poll(&entry, 1, (int)left);
    if (count > 0) return 1;
    if (count == 0 || errno != EINTR) return 0;
  }
}

static int send_all(int file, const unsigned char *bytes, size_t count, int64_t deadline) {
  while (count > 0) {
    ssize_t sent = send(file, bytes, count, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent > 0) {
      bytes += sent;
      count -= (size_t)sent;
    } else if (sent == -1 && errno != EINTR && (errno != EAGAIN || !wait_for(file, POLLOUT, deadline))) {
      return 0;
    }
  }
  return 1;
}

static int receive_all(int file, unsigned char *bytes, size_t count, int64_t deadline) {
  while (count > 0) {
    ssize_t taken = recv(file, bytes, count, MSG_DONTWAIT);
    if (taken > 0) {
      bytes += taken;
      count -= (size_t)taken;
    } else if (taken == 0 || (errno != EINTR && (errno != EAGAIN || !wait_for(file, POLLIN, deadline)))) {
      return 0;
    }
  }
  return 1;
}

static enum outcome ask_at(
    int file, const unsigned char *question, size_t size, unsigned type, int64_t deadline, struct answer *answer) {
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  _Static_assert(sizeof socket_path <= sizeof address.sun_path, "the path fits");
  memcpy(address.sun_path, socket_path, sizeof socket_path);
  // A socket that does not wait: where too many others wait the daemon does not answer.
  if (connect(file, (struct sockaddr *)&address, sizeof address) == -1) return unanswered;
  unsigned char head[2] = {(unsigned char)(size >> 8), (unsigned char)size};
  if (!send_all(file, head, 2, deadline) || !send_all(file, question, size, deadline)) return unanswered;
  unsigned char message[longest_message];
  if (!receive_all(file, head, 2, deadline)) return unanswered;
  size_t length = number(head);
  if (length > sizeof message || !receive_all(file, message, length, deadline)) return unanswered;
  return read_answer(message, length, question, size, type, answer);
}

// Asks the daemon for the records of a type, each name of which is at most `longest_name` bytes.
static enum outcome ask(const char *name, unsigned type, struct answer *answer) {
  // Room for the header, the name with a length before and an empty label behind it, type and class.
  unsigned char question[12 + longest_name + 2 + 4] = {0x0c, 0x11, 0, 0, 0, 1};
  size_t end = put_name(question, 12, name);
  // A name that no message can have is none.
  if (end == 0) return missing;
  question[end++] = 0;
  question[end++] = (unsigned char)type;
  question[end++] = 0;
  question[end++] = 1;
  int64_t deadline = now_ms() + patience_ms;
  int file = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (file == -1) return unanswered;
  enum outcome outcome = ask_at(file, question, end, type, deadline, answer);
  close(file);
  return outcome;
}

// --- The hosts file

// The next word of a line of hosts(5), where `*rest` begins; 0 at the end.
static char *next_word(char **rest) {
  char *word = *rest + strspn(*rest, " \t\r\n");
  if (*word == 0 || *word == '#') return NULL;
  char *end = word + strcspn(word, " \t\r\n#");
  // A comment begins where the word ends.
  *rest = *end == 0 || *end == '#' ? "" : end + 1;
  *end = 0;
  return word;
}

// The file that the daemon keeps, while it is read.
struct hosts {
  FILE *stream;
  long left;
  char line[longest_line];
  // The address of the line, and the names behind it.
  unsigned char address[16];
  char *names;
};

// Opens the file; whether it is there.
static int open_hosts(struct hosts *hosts) {
  int file = open(hosts_path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
  if (file == -1) return 0;
  struct stat status;
  if (fstat(file, &status) == -1 || !S_ISREG(status.st_mode) || status.st_size > greatest_hosts_file
      || !(hosts->stream = fdopen(file, "re"))) {
    close(file);
    return 0;
  }
  hosts->left = greatest_hosts_file;
  return 1;
}

// Goes to the next line of an overlay address; whether there is one.
static int next_line(struct hosts *hosts) {
  while (hosts->left > 0 && fgets(hosts->line, sizeof hosts->line, hosts->stream)) {
    hosts->left -= (long)strlen(hosts->line);
    hosts->names = hosts->line;
    char *word = next_word(&hosts->names);
    if (word && inet_pton(AF_INET6, word, hosts->address) == 1 && memcmp(hosts->address, prefix, sizeof prefix) == 0)
      return 1;
  }
  return 0;
}

// Looks for a name, or for an address where `name` is null.
static enum outcome look(const char *name, struct answer *answer) {
  struct hosts hosts;
  if (!open_hosts(&hosts)) return missing;
  enum outcome outcome = missing;
  while (outcome == missing && next_line(&hosts)) {
    if (!name && memcmp(hosts.address, answer->address, 16) != 0) continue;
    char *word;
    while ((word = next_word(&hosts.names))) {
      if (name ? strcasecmp(word, name) != 0 : strlen(word) > longest_name) continue;
      if (!name) strcpy(answer->name, word);
      memcpy(answer->address, hosts.address, 16);
      outcome = found;
      break;
    }
  }
  fclose(hosts.stream);
  return outcome;
}

// Whether a name is below another zone that the daemon has: this host's own name in the file tells which.
static int is_in_other_zone(const char *name) {
  struct hosts hosts;
  if (!open_hosts(&hosts)) return 0;
  int is_below_it = 0;
  while (!is_below_it && next_line(&hosts)) {
    char *word;
    while ((word = next_word(&hosts.names))) {
      if (strncasecmp(word, own_name, strlen(own_name)) != 0) continue;
      for (char *c = word; *c; c++) if (*c >= 'A' && *c <= 'Z') *c += 'a' - 'A';
      is_below_it = is_below(name, word + strlen(own_name));
      break;
    }
  }
  fclose(hosts.stream);
  return is_below_it;
}

// --- What the C library calls

static enum nss_status not_ours(int *error, int *host_error) {
  *error = ENOENT;
  *host_error = HOST_NOT_FOUND;
  return NSS_STATUS_UNAVAIL;
}

static enum nss_status no_such(int code, int *error, int *host_error) {
  *error = ENOENT;
  *host_error = code;
  return NSS_STATUS_NOTFOUND;
}

static enum nss_status no_room(int *error, int *host_error) {
  *error = ERANGE;
  *host_error = NETDB_INTERNAL;
  return NSS_STATUS_TRYAGAIN;
}

// The address of a name, or who else is to be asked.
static enum nss_status resolve(const char *text, int family, struct answer *answer, int *error, int *host_error) {
  char name[longest_name + 1];
  enum kind kind = read_name(text, name);
  if (kind == foreign || (kind == dotted && !is_in_other_zone(name))) return not_ours(error, host_error);
  enum outcome outcome;
  if (kind == bare) {
    outcome = look(name, answer);
    if (outcome != found) return not_ours(error, host_error);
  } else if (family == AF_INET) {
    // There is none, and the daemon need not be asked.
    return no_such(NO_DATA, error, host_error);
  } else {
    outcome = ask(name, type_aaaa, answer);
    if (outcome == unanswered) outcome = look(name, answer);
  }
  if (outcome != found) return no_such(HOST_NOT_FOUND, error, host_error);
  if (family == AF_INET) return no_such(NO_DATA, error, host_error);
  strcpy(answer->name, name);
  return NSS_STATUS_SUCCESS;
}

// Fills the entry of a name with one address.
static enum nss_status fill(
    const struct answer *answer, struct hostent *result, char *buffer, size_t size, int *error, int *host_error) {
  struct layout {
    char *aliases[1];
    char *addresses[2];
    unsigned char address[16];
    char name[];
  };
  size_t skip = (size_t)(-(uintptr_t)buffer) & (_Alignof(struct layout) - 1), length = strlen(answer->name) + 1;
  if (size < skip || size - skip < sizeof(struct layout) + length) return no_room(error, host_error);
  struct layout *layout = (struct layout *)(void *)(buffer + skip);
  memcpy(layout->name, answer->name, length);
  memcpy(layout->address, answer->address, 16);
  layout->aliases[0] = NULL;
  layout->addresses[0] = (char *)layout->address;
  layout->addresses[1] = NULL;
  *result = (struct hostent){
      .h_name = layout->name,
      .h_aliases = layout->aliases,
      .h_addrtype = AF_INET6,
      .h_length = 16,
      .h_addr_list = layout->addresses,
  };
  *host_error = NETDB_SUCCESS;
  return NSS_STATUS_SUCCESS;
}

EXPORT enum nss_status _nss_oncilla_gethostbyname3_r(
    const char *name, int family, struct hostent *result, char *buffer, size_t size, int *error, int *host_error,
    int32_t *lifetime, char **canonical) {
  if (family != AF_INET && family != AF_INET6) return not_ours(error, host_error);
  struct answer answer;
  enum nss_status status = resolve(name, family, &answer, error, host_error);
  if (status != NSS_STATUS_SUCCESS) return status;
  status = fill(&answer, result, buffer, size, error, host_error);
  if (status == NSS_STATUS_SUCCESS && lifetime) *lifetime = 0;
  if (status == NSS_STATUS_SUCCESS && canonical) *canonical = result->h_name;
  return status;
}

EXPORT enum nss_status _nss_oncilla_gethostbyname2_r(
    const char *name, int family, struct hostent *result, char *buffer, size_t size, int *error, int *host_error) {
  return _nss_oncilla_gethostbyname3_r(name, family, result, buffer, size, error, host_error, NULL, NULL);
}

EXPORT enum nss_status _nss_oncilla_gethostbyname_r(
    const char *name, struct hostent *result, char *buffer, size_t size, int *error, int *host_error) {
  return _nss_oncilla_gethostbyname3_r(name, AF_INET, result, buffer, size, error, host_error, NULL, NULL);
}

EXPORT enum nss_status _nss_oncilla_gethostbyname4_r(
    const char *name, struct gaih_addrtuple **result, char *buffer, size_t size, int *error, int *host_error,
    int32_t *lifetime) {
  struct answer answer;
  enum nss_status status = resolve(name, AF_INET6, &answer, error, host_error);
  if (status != NSS_STATUS_SUCCESS) return status;
  size_t skip = (size_t)(-(uintptr_t)buffer) & (_Alignof(struct gaih_addrtuple) - 1), length = strlen(answer.name) + 1;
  if (size < skip || size - skip < sizeof(struct gaih_addrtuple) + length) return no_room(error, host_error);
  char *text = buffer + skip + sizeof(struct gaih_addrtuple);
  memcpy(text, answer.name, length);
  if (!*result) *result = (struct gaih_addrtuple *)(void *)(buffer + skip);
  **result = (struct gaih_addrtuple){.name = text, .family = AF_INET6};
  memcpy((*result)->addr, answer.address, 16);
  if (lifetime) *lifetime = 0;
  *host_error = NETDB_SUCCESS;
  return NSS_STATUS_SUCCESS;
}

EXPORT enum nss_status _nss_oncilla_gethostbyaddr2_r(
    const void *address, socklen_t length, int family, struct hostent *result, char *buffer, size_t size, int *error,
    int *host_error, int32_t *lifetime) {
  if (family != AF_INET6 || length != 16 || memcmp(address, prefix, sizeof prefix) != 0) {
    return not_ours(error, host_error);
  }
  struct answer answer;
  memcpy(answer.address, address, 16);
  char question[longest_name + 1];
  size_t end = 0;
  for (int i = 15; i >= 0; i--) {
    for (int shift = 0; shift <= 4; shift += 4) {
      question[end++] = "0123456789abcdef"[answer.address[i] >> shift & 15];
      question[end++] = '.';
    }
  }
  strcpy(question + end, "ip6.arpa");
  enum outcome outcome = ask(question, type_ptr, &answer);
  if (outcome == unanswered) outcome = look(NULL, &answer);
  if (outcome != found) return no_such(HOST_NOT_FOUND, error, host_error);
  enum nss_status status = fill(&answer, result, buffer, size, error, host_error);
  if (status == NSS_STATUS_SUCCESS && lifetime) *lifetime = 0;
  return status;
}

EXPORT enum nss_status _nss_oncilla_gethostbyaddr_r(
    const void *address, socklen_t length, int family, struct hostent *result, char *buffer, size_t size, int *error,
    int *host_error) {
  return _nss_oncilla_gethostbyaddr2_r(address, length, family, result, buffer, size, error, host_error, NULL);
}
