// Feeds the readers of the module with answers and hosts files that were changed at random. Built with the sanitizers, it
// ends at the first byte that is read or written out of bounds. Its argument is how many.
#include "../../Sources/NSSOncilla/nss_oncilla.c"

#include <stdlib.h>

static uint64_t state = 88172645463325252ull;

static unsigned draw(unsigned count) {
  state ^= state << 13;
  state ^= state >> 7;
  state ^= state << 17;
  return (unsigned)(state >> 16) % count;
}

// Each in memory of its own size, so that no byte behind it can be read unnoticed.
static void check_message(const unsigned char *question, size_t question_size, unsigned type) {
  unsigned char draft[longest_message] = {0};
  size_t size = question_size;
  memcpy(draft, question, question_size);
  draft[2] = 0x84;
  draft[7] = 1;
  const unsigned char record[] = {0xc0, 12, 0, (unsigned char)type, 0, 1, 0, 0, 0, 60, 0, 16, 0xfd, 0x87, 0xd8, 0x7e,
                                  0xeb, 0x43, 1, 'a', 1, 'b', 0xc0, 12, 0, 0, 0, 0};
  memcpy(draft + size, record, sizeof record);
  size += sizeof record;
  for (unsigned changes = draw(4); changes > 0; changes--) draft[draw((unsigned)size)] = (unsigned char)draw(256);
  if (draw(3) == 0) size = draw((unsigned)size + 1);
  unsigned char *message = malloc(size + 1);
  memcpy(message, draft, size);
  struct answer answer;
  memset(&answer, 0xff, sizeof answer);
  if (read_answer(message, size, question, question_size, type, &answer) == found && type == type_ptr) {
    if (strnlen(answer.name, sizeof answer.name) > longest_name) abort();
  }
  free(message);
}

static void check_line(void) {
  const char alphabet[] = "fd87:d87e:eb43::1 \t#alice\n\r";
  char line[64];
  unsigned length = draw(sizeof line - 1);
  for (unsigned i = 0; i < length; i++) line[i] = alphabet[draw(sizeof alphabet - 1)];
  line[length] = 0;
  char *copy = strdup(line), *rest = copy;
  for (unsigned words = 0; next_word(&rest); words++) {
    if (words > sizeof line) abort();
  }
  free(copy);
}

int main(int count, char **arguments) {
  long rounds = count > 1 ? atol(arguments[1]) : 1000000;
  unsigned char question[12 + longest_name + 2 + 4] = {0x0c, 0x11, 0, 0, 0, 1};
  char name[longest_name + 1];
  for (long round = 0; round < rounds; round++) {
    // Names of every length, with labels of every length.
    unsigned length = 1 + draw(longest_name);
    for (unsigned i = 0; i < length; i++) name[i] = draw(8) == 0 ? '.' : (char)('a' + (char)draw(26));
    name[length] = 0;
    unsigned type = draw(2) ? type_aaaa : type_ptr;
    size_t end = put_name(question, 12, name);
    if (end > 0 && end < sizeof question - 4 && end < longest_message - 64) {
      question[end++] = 0;
      question[end++] = (unsigned char)type;
      question[end++] = 0;
      question[end++] = 1;
      check_message(question, end, type);
    }
    check_line();
    char copy[longest_name + 1];
    read_name(name, copy);
  }
  return 0;
}
