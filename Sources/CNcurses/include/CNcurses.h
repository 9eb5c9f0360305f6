#ifndef ONCILLA_CNCURSES_H
#define ONCILLA_CNCURSES_H

#include <stdbool.h>

// The terminal as ncurses draws on it. The library is opened when a screen is, and not linked: the daemon is the same
// program, and linked it would keep 450 kB more in memory for ever, of 10.8 MB.

// The styles of a text. They can be combined with |.
enum {
  ONCILLA_STYLE_BOLD = 1,
  ONCILLA_STYLE_DIM = 2,
  ONCILLA_STYLE_REVERSE = 4,
  ONCILLA_STYLE_GREEN = 8,
  ONCILLA_STYLE_RED = 16,
  ONCILLA_STYLE_YELLOW = 32,
};

// Keys that are no character.
enum {
  ONCILLA_KEY_NONE = -1,
  ONCILLA_KEY_UP = 0x110000,
  ONCILLA_KEY_DOWN,
  ONCILLA_KEY_LEFT,
  ONCILLA_KEY_RIGHT,
  ONCILLA_KEY_PAGE_UP,
  ONCILLA_KEY_PAGE_DOWN,
  ONCILLA_KEY_HOME,
  ONCILLA_KEY_END,
  ONCILLA_KEY_RESIZE,
  ONCILLA_KEY_OTHER,
};

// What came of opening a screen.
enum {
  ONCILLA_SCREEN_OPEN = 0,
  ONCILLA_SCREEN_NO_LIBRARY = 1,
  ONCILLA_SCREEN_NO_TERMINAL = 2,
};

// Opens ncurses and the terminal of standard input and output. There is one screen at most.
int oncilla_screen_open(bool with_colors);

// Gives the terminal back as it was.
void oncilla_screen_close(void);

// Whether the locale that the environment names writes UTF-8.
bool oncilla_screen_is_utf8(void);

// The size now.
void oncilla_screen_size(int *rows, int *columns);

// Begins a new picture, which is empty.
void oncilla_screen_begin(void);

// Puts a text there, in UTF-8, which has to fit into the line.
void oncilla_screen_put(int row, int column, int style, const char *text);

// Shows the picture: what changed alone is sent to the terminal.
void oncilla_screen_show(void);

// Waits for a key, at most so many milliseconds: a character, or one of the keys above.
int oncilla_screen_key(int milliseconds);

#endif
