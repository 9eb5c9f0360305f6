#include <ini.h>

// The longest line, with its end: what is longer is an error of the reader of lines.
enum { ONCILLA_INI_LINE = 4096 };

// inih is told how to read by variables, which Swift does not import. An indented line is no continuation, as in
// the files of git and systemd; a comment may follow a value; the first error ends it.
static inline int oncilla_ini_parse(ini_reader reader, void *stream, ini_handler handler, void *user) {
  ini_allow_multiline = false;
  ini_inline_comment_prefixes = (char *)";#";
  ini_max_line = ONCILLA_INI_LINE;
  ini_initial_alloc = ONCILLA_INI_LINE;
  ini_use_stack = false;
  ini_allow_realloc = false;
  ini_stop_on_first_error = true;
  return ini_parse_stream(reader, stream, handler, user);
}
